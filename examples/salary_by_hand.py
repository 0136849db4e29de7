"""Four students' salaries, backpropagation by hand. The loss falls. Is it right? whygrad check FILE will say."""

import numpy as np

STUDENTS = np.array([[8, 8, 4], [7, 9, 5], [6, 10, 6], [5, 12, 7]], dtype=float)
RATE = 0.001


def initialize_parameters(layer_dims):
    parameters = {}
    for l in range(1, len(layer_dims)):
        parameters[f"W{l}"] = np.full((layer_dims[l - 1], layer_dims[l]), 0.1)
        parameters[f"b{l}"] = np.zeros((layer_dims[l], 1))
    return parameters


def forward_propagation(X, parameters):
    A1 = parameters["W1"].T @ X + parameters["b1"]
    y_hat = parameters["W2"].T @ A1 + parameters["b2"]
    return y_hat, A1


def update_parameters(parameters, y, y_hat, A1, X):
    W1, b1, W2, b2 = (parameters[name] for name in ("W1", "b1", "W2", "b2"))
    error = float(np.squeeze(y - y_hat))
    for k in range(2):
        W2[k, 0] += RATE * 2 * error * A1[k, 0]
    b2[0, 0] = W2[1, 0] + RATE * 2 * error
    for j in range(2):
        for k in range(2):
            W1[j, k] += RATE * 2 * error * W2[j, 0] * X[k, 0]
        b1[j, 0] += RATE * 2 * error * W2[j, 0]
    return parameters


if __name__ == "__main__":
    parameters = initialize_parameters([2, 2, 1])
    for epoch in range(5):
        losses = []
        for row in STUDENTS:
            X, y = row[:2].reshape(2, 1), row[2]
            y_hat, A1 = forward_propagation(X, parameters)
            losses.append((y - float(np.squeeze(y_hat))) ** 2)
            update_parameters(parameters, y, y_hat, A1, X)
        print("Epoch", epoch + 1, "loss", round(float(np.mean(losses)), 4))
