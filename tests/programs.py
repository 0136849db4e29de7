"""Backpropagation as people write it: small correct programs in many styles, as texts."""

LECTURE = """
import numpy as np


def initialize_parameters(layer_dims):
  np.random.seed(3)
  parameters = {}
  L = len(layer_dims)
  for l in range(1, L):
    parameters['W' + str(l)] = np.ones((layer_dims[l-1], layer_dims[l]))*0.1
    parameters['b' + str(l)] = np.zeros((layer_dims[l], 1))
  return parameters


def linear_forward(A_prev, W, b):
  Z = np.dot(W.T, A_prev) + b
  return Z


def L_layer_forward(X, parameters):
  A = X
  L = len(parameters) // 2
  for l in range(1, L+1):
    A_prev = A
    Wl = parameters['W' + str(l)]
    bl = parameters['b' + str(l)]
    print("A"+str(l-1)+": ", A_prev)
    A = linear_forward(A_prev, Wl, bl)
  return A,A_prev


def update_parameters(parameters,y,y_hat,A1,X):
  e = 0.001 * 2 * (y - y_hat)
  w1, w2 = parameters['W2'][0][0], parameters['W2'][1][0]
  parameters['W2'][0][0] = parameters['W2'][0][0] + e*A1[0][0]
  parameters['W2'][1][0] = parameters['W2'][1][0] + e*A1[1][0]
  parameters['b2'][0][0] = parameters['b2'][0][0] + e
  parameters['W1'][0][0] = parameters['W1'][0][0] + e*w1*X[0][0]
  parameters['W1'][1][0] = parameters['W1'][1][0] + e*w1*X[1][0]
  parameters['b1'][0][0] = parameters['b1'][0][0] + e*w1
  parameters['W1'][0][1] = parameters['W1'][0][1] + e*w2*X[0][0]
  parameters['W1'][1][1] = parameters['W1'][1][1] + e*w2*X[1][0]
  parameters['b1'][1][0] = parameters['b1'][1][0] + e*w2


rows = [([8, 8], 4), ([7, 9], 5), ([6, 10], 6), ([5, 12], 7)]
parameters = initialize_parameters([2,2,1])
epochs = 5

for i in range(epochs):
  Loss = []
  for x, y in rows:
    X = np.array(x).reshape(2,1)
    y_hat,A1 = L_layer_forward(X,parameters)
    y_hat = y_hat[0][0]
    update_parameters(parameters,y,y_hat,A1,X)
    Loss.append((y-y_hat)**2)
  print('Epoch - ',i+1,'Loss - ',np.array(Loss).mean())
"""

# Andrew Ng's first course, week 3: one hidden layer, columns are examples
PLANAR = """
import numpy as np

def sigmoid(z):
    return 1 / (1 + np.exp(-z))

def layer_sizes(X, Y):
    return X.shape[0], 4, Y.shape[0]

def initialize_parameters(n_x, n_h, n_y):
    np.random.seed(2)
    W1 = np.random.randn(n_h, n_x) * 0.01
    b1 = np.zeros((n_h, 1))
    W2 = np.random.randn(n_y, n_h) * 0.01
    b2 = np.zeros((n_y, 1))
    assert (W1.shape == (n_h, n_x))
    parameters = {"W1": W1, "b1": b1, "W2": W2, "b2": b2}
    return parameters

def forward_propagation(X, parameters):
    W1, b1, W2, b2 = parameters["W1"], parameters["b1"], parameters["W2"], parameters["b2"]
    Z1 = np.dot(W1, X) + b1
    A1 = np.tanh(Z1)
    Z2 = np.dot(W2, A1) + b2
    A2 = sigmoid(Z2)
    assert(A2.shape == (1, X.shape[1]))
    cache = {"Z1": Z1, "A1": A1, "Z2": Z2, "A2": A2}
    return A2, cache

def compute_cost(A2, Y, parameters):
    m = Y.shape[1]
    logprobs = np.multiply(np.log(A2), Y) + np.multiply(np.log(1 - A2), 1 - Y)
    cost = -np.sum(logprobs) / m
    return float(np.squeeze(cost))

def backward_propagation(parameters, cache, X, Y):
    m = X.shape[1]
    W2 = parameters["W2"]
    A1, A2 = cache["A1"], cache["A2"]
    dZ2 = A2 - Y
    dW2 = np.dot(dZ2, A1.T) / m
    db2 = np.sum(dZ2, axis=1, keepdims=True) / m
    dZ1 = np.multiply(np.dot(W2.T, dZ2), 1 - np.power(A1, 2))
    dW1 = np.dot(dZ1, X.T) / m
    db1 = np.sum(dZ1, axis=1, keepdims=True) / m
    grads = {"dW1": dW1, "db1": db1, "dW2": dW2, "db2": db2}
    return grads

def update_parameters(parameters, grads, learning_rate=1.2):
    W1, b1, W2, b2 = parameters["W1"], parameters["b1"], parameters["W2"], parameters["b2"]
    W1 = W1 - learning_rate * grads["dW1"]
    b1 = b1 - learning_rate * grads["db1"]
    W2 = W2 - learning_rate * grads["dW2"]
    b2 = b2 - learning_rate * grads["db2"]
    parameters = {"W1": W1, "b1": b1, "W2": W2, "b2": b2}
    return parameters

def nn_model(X, Y, n_h, num_iterations=10000, learning_rate=1.2, print_cost=False):
    n_x, n_y = layer_sizes(X, Y)[0], layer_sizes(X, Y)[2]
    parameters = initialize_parameters(n_x, n_h, n_y)
    for i in range(0, num_iterations):
        A2, cache = forward_propagation(X, parameters)
        cost = compute_cost(A2, Y, parameters)
        grads = backward_propagation(parameters, cache, X, Y)
        parameters = update_parameters(parameters, grads, learning_rate)
        if print_cost:
            print("Cost after iteration %i: %f" % (i, cost))
    return parameters
"""

# week 4: any depth, relu and sigmoid, caches in a list
DEEP = """
import numpy as np

def initialize_parameters_deep(layer_dims):
    np.random.seed(5)
    parameters = {}
    for l in range(1, len(layer_dims)):
        parameters['W' + str(l)] = np.random.randn(layer_dims[l], layer_dims[l-1]) / np.sqrt(layer_dims[l-1])
        parameters['b' + str(l)] = np.zeros((layer_dims[l], 1))
    return parameters

def linear_activation_forward(A_prev, W, b, activation):
    Z = W.dot(A_prev) + b
    A = 1 / (1 + np.exp(-Z)) if activation == "sigmoid" else np.maximum(0, Z)
    return A, ((A_prev, W, b), Z)

def L_model_forward(X, parameters):
    caches = []
    A = X
    L = len(parameters) // 2
    for l in range(1, L):
        A_prev = A
        A, cache = linear_activation_forward(A_prev, parameters['W' + str(l)], parameters['b' + str(l)], "relu")
        caches.append(cache)
    AL, cache = linear_activation_forward(A, parameters['W' + str(L)], parameters['b' + str(L)], "sigmoid")
    caches.append(cache)
    return AL, caches

def compute_cost(AL, Y):
    m = Y.shape[1]
    cost = (1./m) * (-np.dot(Y, np.log(AL).T) - np.dot(1-Y, np.log(1-AL).T))
    return np.squeeze(cost)

def linear_activation_backward(dA, cache, activation):
    (A_prev, W, b), Z = cache
    if activation == "relu":
        dZ = np.array(dA, copy=True)
        dZ[Z <= 0] = 0
    else:
        s = 1 / (1 + np.exp(-Z))
        dZ = dA * s * (1 - s)
    m = A_prev.shape[1]
    return np.dot(W.T, dZ), 1./m * np.dot(dZ, A_prev.T), 1./m * np.sum(dZ, axis=1, keepdims=True)

def L_model_backward(AL, Y, caches):
    grads = {}
    L = len(caches)
    Y = Y.reshape(AL.shape)
    dAL = - (np.divide(Y, AL) - np.divide(1 - Y, 1 - AL))
    current = caches[L-1]
    grads["dA" + str(L-1)], grads["dW" + str(L)], grads["db" + str(L)] = \\
        linear_activation_backward(dAL, current, "sigmoid")
    for l in reversed(range(L-1)):
        dA, dW, db = linear_activation_backward(grads["dA" + str(l + 1)], caches[l], "relu")
        grads["dA" + str(l)], grads["dW" + str(l + 1)], grads["db" + str(l + 1)] = dA, dW, db
    return grads

def update_parameters(parameters, grads, learning_rate):
    L = len(parameters) // 2
    for l in range(L):
        parameters["W" + str(l+1)] = parameters["W" + str(l+1)] - learning_rate * grads["dW" + str(l+1)]
        parameters["b" + str(l+1)] = parameters["b" + str(l+1)] - learning_rate * grads["db" + str(l+1)]
    return parameters

def L_layer_model(X, Y, layers_dims, learning_rate=0.0075, num_iterations=3000, print_cost=False):
    costs = []
    parameters = initialize_parameters_deep(layers_dims)
    for i in range(num_iterations):
        AL, caches = L_model_forward(X, parameters)
        costs.append(compute_cost(AL, Y))
        parameters = update_parameters(parameters, L_model_backward(AL, Y, caches), learning_rate)
    return parameters, costs
"""

# a much copied notebook on MNIST: separate arrays, a softmax, class numbers
DIGITS = """
import numpy as np

def init_params():
    W1 = np.random.rand(4, 3) - 0.5
    b1 = np.random.rand(4, 1) - 0.5
    W2 = np.random.rand(3, 4) - 0.5
    b2 = np.random.rand(3, 1) - 0.5
    return W1, b1, W2, b2

def softmax(Z):
    A = np.exp(Z) / sum(np.exp(Z))
    return A

def forward_prop(W1, b1, W2, b2, X):
    Z1 = W1.dot(X) + b1
    A1 = np.tanh(Z1)
    Z2 = W2.dot(A1) + b2
    A2 = softmax(Z2)
    return Z1, A1, Z2, A2

def one_hot(Y):
    one_hot_Y = np.zeros((Y.size, 3))
    one_hot_Y[np.arange(Y.size), Y] = 1
    return one_hot_Y.T

def backward_prop(Z1, A1, Z2, A2, W1, W2, X, Y):
    m = Y.size
    dZ2 = A2 - one_hot(Y)
    dW2 = 1 / m * dZ2.dot(A1.T)
    db2 = 1 / m * np.sum(dZ2, 1, keepdims=True)
    dZ1 = W2.T.dot(dZ2) * (1 - A1 ** 2)
    dW1 = 1 / m * dZ1.dot(X.T)
    db1 = 1 / m * np.sum(dZ1, 1, keepdims=True)
    return dW1, db1, dW2, db2

def update_params(W1, b1, W2, b2, dW1, db1, dW2, db2, alpha):
    W1 = W1 - alpha * dW1
    b1 = b1 - alpha * db1
    W2 = W2 - alpha * dW2
    b2 = b2 - alpha * db2
    return W1, b1, W2, b2

def gradient_descent(X, Y, alpha, iterations):
    W1, b1, W2, b2 = init_params()
    for i in range(iterations):
        Z1, A1, Z2, A2 = forward_prop(W1, b1, W2, b2, X)
        dW1, db1, dW2, db2 = backward_prop(Z1, A1, Z2, A2, W1, W2, X, Y)
        W1, b1, W2, b2 = update_params(W1, b1, W2, b2, dW1, db1, dW2, db2, alpha)
    return W1, b1, W2, b2
"""

# Nielsen's book, chapter 3: cross-entropy
NIELSEN = """
import random
import numpy as np

class Network(object):

    def __init__(self, sizes):
        self.num_layers = len(sizes)
        self.sizes = sizes
        self.biases = [np.random.randn(y, 1) for y in sizes[1:]]
        self.weights = [np.random.randn(y, x) for x, y in zip(sizes[:-1], sizes[1:])]

    def feedforward(self, a):
        for b, w in zip(self.biases, self.weights):
            a = sigmoid(np.dot(w, a)+b)
        return a

    def SGD(self, training_data, epochs, mini_batch_size, eta, test_data=None):
        if test_data: n_test = len(test_data)
        n = len(training_data)
        for j in range(epochs):
            random.shuffle(training_data)
            mini_batches = [training_data[k:k+mini_batch_size] for k in range(0, n, mini_batch_size)]
            for mini_batch in mini_batches:
                self.update_mini_batch(mini_batch, eta)
            print("Epoch {0} complete".format(j))

    def update_mini_batch(self, mini_batch, eta):
        nabla_b = [np.zeros(b.shape) for b in self.biases]
        nabla_w = [np.zeros(w.shape) for w in self.weights]
        for x, y in mini_batch:
            delta_nabla_b, delta_nabla_w = self.backprop(x, y)
            nabla_b = [nb+dnb for nb, dnb in zip(nabla_b, delta_nabla_b)]
            nabla_w = [nw+dnw for nw, dnw in zip(nabla_w, delta_nabla_w)]
        self.weights = [w-(eta/len(mini_batch))*nw for w, nw in zip(self.weights, nabla_w)]
        self.biases = [b-(eta/len(mini_batch))*nb for b, nb in zip(self.biases, nabla_b)]

    def backprop(self, x, y):
        nabla_b = [np.zeros(b.shape) for b in self.biases]
        nabla_w = [np.zeros(w.shape) for w in self.weights]
        activation = x
        activations = [x]
        zs = []
        for b, w in zip(self.biases, self.weights):
            z = np.dot(w, activation)+b
            zs.append(z)
            activation = sigmoid(z)
            activations.append(activation)
        delta = self.cost_derivative(activations[-1], y)
        nabla_b[-1] = delta
        nabla_w[-1] = np.dot(delta, activations[-2].transpose())
        for l in range(2, self.num_layers):
            z = zs[-l]
            sp = sigmoid_prime(z)
            delta = np.dot(self.weights[-l+1].transpose(), delta) * sp
            nabla_b[-l] = delta
            nabla_w[-l] = np.dot(delta, activations[-l-1].transpose())
        return (nabla_b, nabla_w)

    def cost_derivative(self, output_activations, y):
        return (output_activations-y)

def sigmoid(z):
    return 1.0/(1.0+np.exp(-z))

def sigmoid_prime(z):
    return sigmoid(z)*(1-sigmoid(z))
"""

# rows are examples, parameters in a dict, a softmax
ROWS = """
import numpy as np

def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)

def forward(x, params):
    h = np.tanh(x @ params["W1"] + params["b1"])
    return softmax(h @ params["W2"] + params["b2"]), h

def loss(probs, y):
    return -np.mean(np.sum(y * np.log(probs), axis=1))

def backward(x, y, params, probs, h):
    delta = (probs - y) / len(x)
    grads = {"W2": h.T @ delta, "b2": delta.sum(axis=0)}
    delta = delta @ params["W2"].T * (1 - h ** 2)
    grads["W1"], grads["b1"] = x.T @ delta, delta.sum(axis=0)
    return grads

def step(params, grads, lr):
    for key in params:
        params[key] -= lr * grads[key]
"""

# a list of pairs, any depth
PAIRS = """
import numpy as np

def gradients(layers, X, Y):
    activations = [X]
    for i, (W, b) in enumerate(layers):
        Z = activations[-1] @ W + b
        activations.append(np.tanh(Z) if i < len(layers) - 1 else Z)
    d = 2 * (activations[-1] - Y) / Y.size
    found = []
    for i in reversed(range(len(layers))):
        W, b = layers[i]
        found.append((activations[i].T @ d, d.sum(axis=0, keepdims=True)))
        if i:
            d = (d @ W.T) * (1 - activations[i] ** 2)
    return found[::-1]
"""

# the list W1, b1, W2, b2, one row a call, W as (n_out, n_in)
FLAT_LIST = """
import numpy as np

def compute_gradients(theta, x, target):
    W1, b1, W2, b2 = theta
    h = np.tanh(W1 @ x + b1)
    out = W2 @ h + b2
    d2 = 2 * (out - target) / len(target)
    d1 = (W2.T @ d2) * (1 - h * h)
    return [np.outer(d1, x), d1, np.outer(d2, h), d2]
"""

# separate arrays, the loss beside the gradients, biases as rows
SEPARATE = """
import numpy as np

def gradients(W1, b1, W2, b2, x, y):
    hidden = x.dot(W1) + b1
    y_hat = hidden.dot(W2) + b2
    loss = np.mean((y_hat - y) ** 2)
    d = 2 * (y_hat - y) / y_hat.size
    gW2, gb2 = hidden.T.dot(d), np.sum(d, axis=0, keepdims=True)
    d = d.dot(W2.T)
    gW1, gb1 = x.T.dot(d), np.sum(d, axis=0, keepdims=True)
    return loss, [gW1, gb1, gW2, gb2]
"""

# numbers by name, as on the blackboard
NUMBERS = """
def gradients(w111, w112, w121, w122, b11, b12, w211, w212, b21, x, y):
    o1 = w111 * x[0] + w112 * x[1] + b11
    o2 = w121 * x[0] + w122 * x[1] + b12
    y_hat = w211 * o1 + w212 * o2 + b21
    e = -2 * (y - y_hat)
    return {
        "w111": e * w211 * x[0], "w112": e * w211 * x[1], "w121": e * w212 * x[0], "w122": e * w212 * x[1],
        "b11": e * w211, "b12": e * w212, "w211": e * o1, "w212": e * o2, "b21": e,
    }
"""

# no NumPy at all
LISTS = """
import math

def initialize_parameters(sizes):
    return {
        "weights": [[[0.1] * n for _ in range(m)] for n, m in zip(sizes, sizes[1:])],
        "biases": [[0.0] * m for m in sizes[1:]],
    }

def forward_propagation(parameters, row):
    a = row
    acts = [a]
    for W, b in zip(parameters["weights"], parameters["biases"]):
        a = [math.tanh(sum(w * v for w, v in zip(unit, a)) + bias) for unit, bias in zip(W, b)]
        acts = acts + [a]
    return a, acts

def backpropagation(parameters, row, target):
    output, acts = forward_propagation(parameters, row)
    delta = [2 * (o - t) / len(target) * (1 - o * o) for o, t in zip(output, target)]
    dW, db = [], []
    for l in reversed(range(len(parameters["weights"]))):
        dW.insert(0, [[d * a for a in acts[l]] for d in delta])
        db.insert(0, delta)
        W = parameters["weights"][l]
        delta = [sum(W[k][j] * delta[k] for k in range(len(delta))) * (1 - a * a) for j, a in enumerate(acts[l])]
    return {"weights": dW, "biases": db}
"""

# a class that keeps what it needs, and updates inside backward
SELF = """
import numpy as np

class NeuralNetwork:
    def __init__(self, input_size, hidden_size, output_size, learning_rate=0.1):
        self.W1 = np.random.randn(input_size, hidden_size)
        self.b1 = np.zeros((1, hidden_size))
        self.W2 = np.random.randn(hidden_size, output_size)
        self.b2 = np.zeros((1, output_size))
        self.lr = learning_rate
        self.loss_history = []

    def sigmoid(self, z):
        return 1 / (1 + np.exp(-z))

    def forward(self, X):
        self.a1 = self.sigmoid(np.dot(X, self.W1) + self.b1)
        self.output = self.sigmoid(np.dot(self.a1, self.W2) + self.b2)
        return self.output

    def backward(self, X, y):
        m = X.shape[0]
        dz2 = (self.output - y) / m
        dz1 = np.dot(dz2, self.W2.T) * self.a1 * (1 - self.a1)
        self.W2 -= self.lr * np.dot(self.a1.T, dz2)
        self.b2 -= self.lr * np.sum(dz2, axis=0, keepdims=True)
        self.W1 -= self.lr * np.dot(X.T, dz1)
        self.b1 -= self.lr * np.sum(dz1, axis=0, keepdims=True)

    def fit(self, X, y, epochs=100):
        for epoch in range(epochs):
            out = self.forward(X)
            self.loss_history.append(float(np.mean(-y * np.log(out) - (1 - y) * np.log(1 - out))))
            self.backward(X, y)
"""

# global variables, changed by the update
GLOBALS = """
import numpy as np

W1, b1 = np.array([[0.1, 0.2], [0.3, 0.4]]), np.zeros(2)
W2, b2 = np.array([[0.5], [0.6]]), np.zeros(1)

def forward(x):
    global h
    h = x @ W1 + b1
    return h @ W2 + b2

def backward(x, y):
    global dW1, db1, dW2, db2
    e = 2 * (forward(x) - y) / len(x)
    dW2, db2 = h.T @ e, e.sum(axis=0)
    e = e @ W2.T
    dW1, db1 = x.T @ e, e.sum(axis=0)

def update(lr):
    global W1, b1, W2, b2
    W1 = W1 - lr * dW1
    b1 = b1 - lr * db1
    W2 = W2 - lr * dW2
    b2 = b2 - lr * db2
"""

# momentum in Andrew Ng's containers, without a function that makes the velocities
MOMENTUM = """
import numpy as np

def compute_gradients(params, X, y):
    hidden = X @ params["W1"] + params["b1"]
    y_hat = (hidden @ params["W2"] + params["b2"]).ravel()
    e = (2 * (y_hat - y) / len(y))[:, None]
    d = e @ params["W2"].T
    return {"dW1": X.T @ d, "db1": d.sum(0), "dW2": hidden.T @ e, "db2": e.sum(0)}

def update_parameters(params, grads, v, momentum, learning_rate):
    new, kept = {}, {}
    for key in params:
        kept["d" + key] = momentum * v["d" + key] + grads["d" + key]
        new[key] = params[key] - learning_rate * kept["d" + key]
    return new, kept
"""

# only a training loop; the start is an argument, and both results come back
LOOP = """
import numpy as np

def train(X, y, params, epochs, lr):
    losses = []
    for _ in range(epochs):
        total = 0
        for row, target in zip(X, y):
            hidden = row @ params["W1"] + params["b1"]
            y_hat = hidden @ params["W2"] + params["b2"]
            error = y_hat - target
            total += float(error[0] ** 2)
            before = params["W2"].copy()
            params["W2"] -= lr * 2 * np.outer(hidden, error)
            params["b2"] -= lr * 2 * error
            params["W1"] -= lr * 2 * np.outer(row, before @ error)
            params["b1"] -= lr * 2 * before @ error
        losses.append(total / len(X))
    return losses, params
"""

# a script
SCRIPT = LECTURE.replace("def ", "def _")
for _name, _own in {  # names that tell nothing
    "initialize_parameters": "my_start", "linear_forward": "my_layer", "L_layer_forward": "my_answer",
    "update_parameters": "my_change",
}.items():  # fmt: skip
    SCRIPT = SCRIPT.replace(_name, _own).replace(f"def _{_own}", f"def {_own}")
SCRIPT = "\n".join(line for line in SCRIPT.splitlines() if 'print("A"' not in line)

TORCH = """
import torch

def init_params(layers):
    return [torch.zeros(o, i, dtype=torch.float64) if k % 2 == 0 else torch.zeros(o, dtype=torch.float64)
            for i, o in zip(layers, layers[1:]) for k in (0, 1)]

def forward(params, x):
    W1, b1, W2, b2 = params
    h = torch.tanh(x @ W1.T + b1)
    return h @ W2.T + b2, h

def backward(params, x, y):
    out, h = forward(params, x)
    d = 2 * (out - y) / y.numel()
    dh = (d @ params[2]) * (1 - h ** 2)
    return dh.T @ x, dh.sum(0), d.T @ h, d.sum(0)
"""

MATRIX = """
import numpy as np

def initialize_parameters(layer_dims):
    return {k + str(l): np.matrix(np.zeros((layer_dims[l], layer_dims[l - 1] if k == "W" else 1)))
            for l in range(1, len(layer_dims)) for k in "Wb"}

def forward_propagation(X, parameters):
    H = np.tanh(parameters["W1"] * X + parameters["b1"])
    return parameters["W2"] * H + parameters["b2"], H

def backward_propagation(X, Y, parameters, y_hat, H):
    D = 2 * (y_hat - Y) / Y.size
    D1 = np.multiply(parameters["W2"].T * D, 1 - np.power(H, 2))
    return {"dW2": D * H.T, "db2": D.sum(axis=1), "dW1": D1 * X.T, "db1": D1.sum(axis=1)}
"""

SINGLE = """
import numpy as np

def initialize_parameters(dims):
    return [{"W": np.zeros((i, o), np.float32), "b": np.zeros(o, np.float32)} for i, o in zip(dims, dims[1:])]

def forward_pass(net, x):
    acts = [np.asarray(x, np.float32)]
    for k, layer in enumerate(net):
        z = acts[-1] @ layer["W"] + layer["b"]
        acts.append(np.maximum(z, 0) if k < len(net) - 1 else z)
    return acts

def backward_pass(net, activations, target):
    d = 2 * (activations[-1] - target) / np.float32(target.size)
    grads = [None] * len(net)
    for k in reversed(range(len(net))):
        grads[k] = {"dW": activations[k].T @ d, "db": d.sum(axis=0)}
        d = d @ net[k]["W"].T * (activations[k] > 0)
    return grads
"""

# names for the arrays of two layers, and a constructor that takes everything
HIDDEN_OUTPUT = """
import numpy as np

class NeuralNetwork:
    def __init__(self, input_size, hidden_size, output_size, learning_rate, epochs):
        self.weights_input_hidden = np.random.randn(input_size, hidden_size)
        self.bias_hidden = np.zeros((1, hidden_size))
        self.weights_hidden_output = np.random.randn(hidden_size, output_size)
        self.bias_output = np.zeros((1, output_size))
        self.learning_rate = learning_rate
        self.epochs = epochs

    def sigmoid(self, x):
        return 1 / (1 + np.exp(-x))

    def feedforward(self, X):
        self.hidden_layer_output = self.sigmoid(np.dot(X, self.weights_input_hidden) + self.bias_hidden)
        return self.sigmoid(np.dot(self.hidden_layer_output, self.weights_hidden_output) + self.bias_output)

    def backward(self, X, y, output):
        delta = (y - output) / len(X)
        h = self.hidden_layer_output
        hidden = delta.dot(self.weights_hidden_output.T) * h * (1 - h)
        self.weights_hidden_output += h.T.dot(delta) * self.learning_rate
        self.bias_output += np.sum(delta, axis=0, keepdims=True) * self.learning_rate
        self.weights_input_hidden += X.T.dot(hidden) * self.learning_rate
        self.bias_hidden += np.sum(hidden, axis=0, keepdims=True) * self.learning_rate

    def train(self, X, y):
        for epoch in range(self.epochs):
            output = self.feedforward(X)
            loss = -np.mean(y * np.log(output) + (1 - y) * np.log(1 - output))
            self.backward(X, y, output)
            print(f"Epoch {epoch + 1}/{self.epochs}, Loss: {loss!r}, Accuracy: {np.mean((output > 0.5) == y)}")
"""

# the step inside backward, which returns the parameters; arrays without a function that makes them
STEP_INSIDE = """
import numpy as np

def forward(x, w1, b1, w2, b2):
    z1 = np.dot(w1, x) + b1
    a1 = np.maximum(z1, 0)
    z2 = np.dot(w2, a1) + b2
    return z1, a1, z2, z2

def backward(x, y, w1, b1, w2, b2, z1, a1, z2, a2, learning_rate=0.5):
    m = x.shape[1]
    dz2 = 2 * (a2 - y) / a2.size
    dz1 = np.dot(w2.T, dz2) * (z1 > 0)
    w2 = w2 - learning_rate * np.dot(dz2, a1.T)
    b2 = b2 - learning_rate * dz2.sum(axis=1, keepdims=True)
    w1 = w1 - learning_rate * np.dot(dz1, x.T)
    b1 = b1 - learning_rate * dz1.sum(axis=1, keepdims=True)
    return w1, b1, w2, b2
"""
