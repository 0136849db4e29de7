"""Somebody's code in many styles: its answers equal whygrad's."""

import importlib.util
import re
import sys

import numpy as np
import programs
import pytest

import whygrad as wg
from whygrad.judgement.adapter import answers
from whygrad.judgement.forms import find_parts
from whygrad.judgement.observations import Probe
from whygrad.judgement.printed import printed_losses
from whygrad.judgement.trouble import Trouble
from whygrad.judgement.vocabulary import ARGUMENTS, PARTS, plain

STUDENTS = wg.Network(2, (wg.Dense(2), wg.Dense(1)))
X = np.array([[8.0, 8], [7, 9], [6, 10], [5, 12]])
Y = np.array([[4.0], [5], [6], [7]])


def net(*sizes, hidden, output):
    return wg.Network(sizes[0], (*(wg.Dense(n, hidden) for n in sizes[1:-1]), wg.Dense(sizes[-1], output)))


def training(loss, rate, **settings):
    return wg.Training(loss, wg.SGD(rate), **{"epochs": 0, "batch": "all", "order": "sequential", **settings})


def probe(network, how, rows, start="distinct", seed=1):
    draw = np.random.default_rng(seed)
    if network is STUDENTS:
        x, y = X[-rows:], Y[-rows:]
    else:
        x = draw.normal(size=(rows, network.inputs))
        y = draw.normal(size=(rows, network.outputs))
    if how.loss.name == "binary_crossentropy":
        y = (y > 0).astype(float)
    if how.loss.name == "categorical_crossentropy":
        y = np.eye(network.outputs)[y.argmax(axis=1)]
    return Probe(network, how, wg.initialize_parameters(network, start, seed), wg.Rows(x, y))


def load(path, text):
    path.write_text(text, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("submission", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["submission"] = module
    spec.loader.exec_module(module)
    return find_parts(vars(module), str(path))


def close(found, wanted, single=False):
    scale = np.abs(wanted).max() + 1e-300
    assert np.abs(found - wanted).max() / scale < (1e-5 if single else 1e-12)


def truth(p):
    trace = wg.forward_propagation(p.net, p.w, p.rows.x)
    loss = p.training.loss
    return trace, wg.backward_propagation(p.net, p.w, trace, p.rows.y, loss).flat


def check(p, answer, wanted):
    trace, g = truth(p)
    assert answer.problems == ()
    if "outputs" in wanted:
        close(answer.outputs, trace.output, answer.single)
    if "loss" in wanted:
        assert answer.loss == pytest.approx(wg.row_losses(p.net, p.training.loss, trace, p.rows.y).mean())
    if "gradient" in wanted:
        close(answer.gradient, g, answer.single)
    if "stepped" in wanted:
        close(answer.stepped, p.w - p.training.optimizer.learning_rate * g, answer.single)
    else:
        assert answer.stepped is None


MSE, BCE, CCE = (training(loss, 0.01) for loss in ("mse", "bce", "cce"))
TANH_SOFTMAX = net(3, 4, 3, hidden="tanh", output="softmax")
TANH_LINEAR = net(3, 4, 2, hidden="tanh", output="linear")
PLANAR = net(2, 4, 1, hidden="tanh", output="sigmoid")
BINARY = net(3, 4, 1, hidden="sigmoid", output="sigmoid")
RELU = net(3, 4, 2, hidden="relu", output="linear")
DEEP = net(4, 5, 3, 2, 1, hidden="relu", output="sigmoid")
EVERYTHING, GRADIENT_AND_STEP = "outputs loss gradient stepped", "outputs gradient stepped"
SIGMOIDS = net(4, 5, 3, 1, hidden="sigmoid", output="sigmoid")

# name -> (program, network, training, what it answers, whether (or what) of several rows too)
STYLES = {
    "lecture": (programs.LECTURE, STUDENTS, training("mse", 0.001), GRADIENT_AND_STEP, False),
    "planar": (programs.PLANAR, PLANAR, BCE, EVERYTHING, True),
    "deep": (programs.DEEP, DEEP, BCE, EVERYTHING, True),
    "digits": (programs.DIGITS, TANH_SOFTMAX, CCE, GRADIENT_AND_STEP, True),
    "nielsen": (programs.NIELSEN, SIGMOIDS, BCE, GRADIENT_AND_STEP, "outputs stepped"),
    "rows": (programs.ROWS, TANH_SOFTMAX, CCE, EVERYTHING, True),
    "pairs": (programs.PAIRS, net(3, 4, 3, 2, hidden="tanh", output="linear"), MSE, "gradient", True),
    "flat list": (programs.FLAT_LIST, TANH_LINEAR, MSE, "gradient", False),
    "separate": (programs.SEPARATE, net(3, 4, 2, hidden="linear", output="linear"), MSE, "gradient", True),
    "numbers": (programs.NUMBERS, STUDENTS, MSE, "gradient", False),
    "lists": (programs.LISTS, net(3, 4, 2, hidden="tanh", output="tanh"), MSE, "outputs gradient", False),
    "self": (programs.SELF, BINARY, training("bce", 0.1), GRADIENT_AND_STEP, True),
    "hidden output": (programs.HIDDEN_OUTPUT, BINARY, training("bce", 0.1), GRADIENT_AND_STEP, True),
    "step inside": (programs.STEP_INSIDE, RELU, MSE, GRADIENT_AND_STEP, True),
    "globals": (programs.GLOBALS, STUDENTS, MSE, GRADIENT_AND_STEP, True),
    "matrix": (programs.MATRIX, TANH_LINEAR, MSE, "outputs gradient", True),
    "float32": (programs.SINGLE, net(3, 4, 5, 2, hidden="relu", output="linear"), MSE, "outputs gradient", True),
}  # fmt: skip


@pytest.mark.parametrize("style", STYLES)
def test_correct_code_of_every_style_gives_whygrads_numbers(style, tmp_path):
    text, network, how, wanted, several = STYLES[style]
    parts = load(tmp_path / "mine.py", text)
    probes = [probe(network, how, 1, seed=2), probe(network, how, 1, "glorot", seed=3)]
    probes += [probe(network, how, 4, seed=4)]
    found = answers(parts, probes)
    assert len(found[0]) == 1, [answer.conventions for answer in found[0]]
    for p, (answer,) in zip(probes, found, strict=True):
        of_several = {True: wanted, False: "outputs" if "outputs" in wanted else ""}.get(several, several)
        check(p, answer, wanted if len(p.rows) == 1 else of_several)


def trained(p):
    """(losses, parameters) of gradient descent over the rows as they stand."""
    w, losses, size = p.w, [], p.training.batch_size(len(p.rows))
    for _ in range(p.training.epochs):
        met = []
        for first in range(0, len(p.rows), size):
            part = p.rows.take(slice(first, first + size))
            trace = wg.forward_propagation(p.net, w, part.x)
            met += list(wg.row_losses(p.net, p.training.loss, trace, part.y))
            w = w - p.training.optimizer.learning_rate * truth(Probe(p.net, p.training, w, part))[1]
        losses.append(np.mean(met))
    return np.array(losses), w


ALL, ONE = {"epochs": 7, "batch": "all"}, {"epochs": 7, "batch": 1}
LOOPS = {
    "planar": (programs.PLANAR, PLANAR, training("bce", 0.1, **ALL), "printed", True),
    "deep": (programs.DEEP, DEEP, training("bce", 0.1, **ALL), True, True),
    "digits": (programs.DIGITS, TANH_SOFTMAX, training("cce", 0.1, **ALL), False, True),
    "nielsen": (programs.NIELSEN, SIGMOIDS, training("bce", 0.1, epochs=3, batch=2), False, True),
    "self": (programs.SELF, BINARY, training("bce", 0.1, **ALL), True, True),
    "hidden output": (programs.HIDDEN_OUTPUT, BINARY, training("bce", 0.1, **ALL), True, True),
    "loop": (programs.LOOP, STUDENTS, training("mse", 0.001, **ONE), True, True),
}  # fmt: skip


@pytest.mark.parametrize("style", LOOPS)
def test_training_loops_run_from_the_probes_start(style, tmp_path):
    text, network, how, returns_losses, returns_parameters = LOOPS[style]
    parts = load(tmp_path / "mine.py", text)
    p = probe(network, how, 4, seed=5)
    losses, w = trained(p)
    found = answers(parts, [p])[0]
    assert len(found) == 1, [answer.conventions for answer in found]
    assert found[0].problems == ()
    if returns_losses == "printed":
        assert found[0].losses == pytest.approx(losses, abs=5.1e-7)  # with six decimals
    elif returns_losses:
        close(found[0].losses, losses)
    else:
        assert found[0].losses is None
    if returns_parameters:
        close(found[0].final, w)


def asked(tmp_path, text, probes):
    return answers(load(tmp_path / "mine.py", text), probes)


def test_tensors_of_another_library_are_converted(tmp_path):
    pytest.importorskip("torch")
    probes = [probe(TANH_LINEAR, MSE, 1, seed=2), probe(TANH_LINEAR, MSE, 3, seed=3)]
    for p, (answer,) in zip(probes, asked(tmp_path, programs.TORCH, probes), strict=True):
        check(p, answer, "outputs gradient")


def test_memories_of_an_update_start_at_zero(tmp_path):
    network = net(3, 4, 1, hidden="linear", output="linear")
    how = wg.Training("mse", wg.Momentum(0.01, 0.8), epochs=0, batch="all")
    p = probe(network, how, 3)
    ((answer,),) = asked(tmp_path, programs.MOMENTUM, [p])
    _, g = truth(p)
    close(answer.gradient, g)
    close(answer.stepped, p.w - 0.01 * g)  # v = 0.8 * 0 + g in the first step


SQUARE = """
import numpy as np

def backward(W1, b1, W2, b2, X, Y):
    H = np.tanh(X @ W1 + b1)
    D = 2 * (H @ W2 + b2 - Y) / Y.size
    dW2, db2 = H.T @ D, D.sum(0)
    D = D @ W2.T * (1 - H ** 2)
    return X.T @ D, D.sum(0), dW2, db2
"""


def test_square_layers_without_a_forward_function_give_an_answer_a_storage(tmp_path):
    network = net(3, 3, 3, hidden="tanh", output="linear")
    probes = [probe(network, MSE, 4, seed=2), probe(network, MSE, 4, "glorot", seed=3)]
    found = asked(tmp_path, SQUARE, probes)
    assert len(found[0]) == len(found[1]) > 1
    assert [answer.conventions for answer in found[0]] == [answer.conventions for answer in found[1]]
    right = [all(np.allclose(a.gradient, truth(p)[1]) for p, a in zip(probes, pair, strict=True))
             for pair in zip(*found, strict=True)]  # fmt: skip
    assert sum(right) == 1
    assert "W is (n_in, n_out)" in found[0][right.index(True)].conventions[0]


def test_a_forward_function_decides_between_the_storages(tmp_path):
    network = net(3, 3, 3, hidden="tanh", output="linear")
    forward = "\ndef forward(X, W1, b1, W2, b2):\n    return np.tanh(X @ W1 + b1) @ W2 + b2\n"
    p = probe(network, MSE, 4, 0.1)  # all weights alike: only the adapter's own parameters can decide
    ((answer, turned),) = asked(tmp_path, SQUARE + forward, [p])
    check(p, answer, "outputs gradient")
    assert turned.conventions == (*answer.conventions, "its lists begin with the last layer")  # nothing says which


def test_gradients_in_a_list_are_told_by_the_names_of_its_variables(tmp_path):
    network = net(3, 3, 3, hidden="tanh", output="linear")
    listed = SQUARE.replace(
        "    D = D @ W2.T * (1 - H ** 2)\n    return X.T @ D, D.sum(0), dW2, db2",
        "    D = D @ W2.T * (1 - H ** 2)\n    dW1, db1 = X.T @ D, D.sum(0)\n    RETURN",
    )
    named = "grads = [dW2, db2, dW1, db1]\n    return grads"
    changed = "grads = [dW2, db2, dW1, db1]\n    grads.reverse()\n    return grads[::-1]"  # names no longer tell
    forward = "\ndef forward(X, W1, b1, W2, b2):\n    return np.tanh(X @ W1 + b1) @ W2 + b2\n"
    p = probe(network, MSE, 4, seed=2)
    for text, readings in (("return [dW2, db2, dW1, db1]", 1), (named, 1), (changed, 2)):
        (found,) = asked(tmp_path, listed.replace("RETURN", text) + forward, [p])
        assert len(found) == readings
        check(p, found[-1], "outputs gradient")


def test_an_ambiguous_list_is_read_as_the_parameters_are_stored(tmp_path):
    """[(1, 3), (1,), (3, 2), (3,)] could be b1, b2, W1, W2, but biases here have one dimension."""
    text = """
import numpy as np

def initialize_parameters():
    return [(np.ones((3, 2)), np.zeros(3)), (np.ones((1, 3)), np.zeros(1))]

def backward(parameters, X, Y):
    (W1, b1), (W2, b2) = parameters
    H = np.tanh(X @ W1.T + b1)
    D = 2 * (H @ W2.T + b2 - Y) / Y.size
    grads = []
    grads += [D.T @ H, D.sum(0)]
    D = D @ W2 * (1 - H ** 2)
    grads += [D.T @ X, D.sum(0)]
    return grads
"""
    p = probe(net(2, 3, 1, hidden="tanh", output="linear"), MSE, 4, seed=2)
    ((answer,),) = asked(tmp_path, text, [p])
    check(p, answer, "gradient")


def test_code_that_reads_the_first_row_only_is_not_asked_for_the_gradient_of_several(tmp_path):
    text = """
import numpy as np

def forward(x, W1, b1, W2, b2):
    return W2.T @ (W1.T @ x + b1) + b2

def gradients(W1, b1, W2, b2, x, y):
    x, y = np.array(x)[:, :1], np.array(y).reshape(-1)[0]
    h = W1.T @ x + b1
    e = 2 * (W2.T @ h + b2 - y)
    return {"W1": x @ (W2 @ e).T, "b1": W2 @ e, "W2": h @ e.T, "b2": e}
"""
    probes = [probe(STUDENTS, MSE, 1), probe(STUDENTS, MSE, 3)]
    (one,), (several,) = asked(tmp_path, text, probes)
    check(probes[0], one, "outputs gradient")
    check(probes[1], several, "outputs")
    assert several.gradient is None
    assert any("one by one" in words for words in several.conventions)


def test_arguments_with_names_of_their_own_are_told_by_their_order(tmp_path):
    text = programs.PAIRS.replace("layers, X, Y", "mine, rows_of_mine, wanted").replace("[X]", "[rows_of_mine]")
    text = text.replace("layers", "mine").replace("Y", "wanted")
    p = probe(net(3, 4, 2, hidden="tanh", output="linear"), MSE, 3)
    ((answer,),) = asked(tmp_path, text, [p])
    check(p, answer, "gradient")


def test_an_argument_that_cannot_be_told_is_named(tmp_path):
    text = "def gradients(parameters, x, y, gizmo):\n    return parameters\n"
    ((answer,),) = asked(tmp_path, text, [probe(STUDENTS, MSE, 1)])
    (problem,) = answer.problems
    assert problem.startswith(
        "cannot be read: gradients: the argument 'gizmo' is not understood; names that are: "
    )
    assert "learning_rate" in problem


def test_what_only_a_forward_function_can_give_is_asked_for_by_name(tmp_path):
    text = "def backward(parameters, cache, x, y):\n    return parameters\n"
    ((answer,),) = asked(tmp_path, text, [probe(STUDENTS, MSE, 1)])
    where = "backward: the argument 'cache' comes from a forward function, and none was found"
    assert answer.problems == (f"cannot be read: {where}",)


def test_an_update_without_a_forward_function_is_handed_whygrads_numbers(tmp_path):
    text = programs.LECTURE.replace("def L_layer_forward", "def _their_forward")
    text = text.partition("rows = ")[0]
    p = probe(STUDENTS, training("mse", 0.001), 1)
    ((answer,),) = asked(tmp_path, text, [p])
    check(p, answer, "gradient stepped")
    assert "A1 was computed by whygrad" in answer.conventions


def test_a_hard_coded_rate_is_said(tmp_path):
    p = probe(STUDENTS, training("mse", 0.001), 1)
    ((answer,),) = asked(tmp_path, programs.LECTURE, [p])
    assert any("takes no learning rate, and 0.001 was taken" in words for words in answer.conventions)


def test_gradients_of_a_wrong_shape_are_told_with_both_shapes(tmp_path):
    text = programs.ROWS.replace('"W2": h.T @ delta', '"W2": delta.T @ h')
    ((answer,),) = asked(tmp_path, text, [probe(TANH_SOFTMAX, CCE, 2)])
    assert answer.gradient is None
    assert answer.outputs is not None
    assert "backward: dW2 has shape (3, 4) instead of (4, 3)" in answer.problems


def test_a_bias_gradient_summed_to_one_number_is_told(tmp_path):
    text = programs.DIGITS.replace("1 / m * np.sum(dZ2, 1, keepdims=True)", "1 / m * np.sum(dZ2)")
    ((answer,),) = asked(tmp_path, text, [probe(TANH_SOFTMAX, CCE, 2)])
    assert answer.problems == ("backward_prop: db2 is one number, but should hold 3 numbers",)
    assert answer.stepped is not None  # the update broadcasts, so it can still be judged


def test_a_missing_gradient_is_named(tmp_path):
    text = programs.ROWS.replace(', "b2": delta.sum(axis=0)}', "}")
    ((answer,),) = asked(tmp_path, text, [probe(TANH_SOFTMAX, CCE, 2)])
    assert "db2" in answer.problems[0]


def test_initial_parameters_that_do_not_fit_are_told(tmp_path):
    text = programs.DIGITS.replace("rand(4, 3)", "rand(5, 3)")
    with pytest.raises(Trouble, match="init_params returned a W1 that does not fit the network 3-4-3"):
        asked(tmp_path, text, [probe(TANH_SOFTMAX, CCE, 1)])


def test_conventions_say_how_things_are_stored(tmp_path):
    ((answer,),) = asked(tmp_path, programs.DIGITS, [probe(TANH_SOFTMAX, CCE, 2)])
    assert answer.conventions == (
        "W is (n_out, n_in), b is (n_out, 1), x is (n, rows)",
        "y are class numbers from 0",
    )


def test_every_name_of_an_argument_means_one_thing():
    _names_are_apart(ARGUMENTS)


def test_every_name_of_a_part_means_one_part():
    _names_are_apart(PARTS)


def _names_are_apart(table):
    plain_names = [name for names in table.values() for name in {plain(name) for name in names}]
    assert len(plain_names) == len(set(plain_names))


PRINTED = {
    "Epoch -  1 Loss -  26.34\nEpoch -  2 Loss -  19.85": (26.34, 19.85),
    "loss: 0.5, accuracy: 0.8\nloss: 0.4, accuracy: 0.9": (0.5, 0.4),
    "Cost after iteration 0: 0.693\nCost after iteration 1: 0.6": (0.693, 0.6),
    "Epoch 1/2, Loss: 3e-05, val_loss: 1\nEpoch 2/2, Loss: nan, val_loss: 2": (3e-05, float("nan")),
    "epoch 1 0.25\nepoch 2 0.125": (0.25, 0.125),
    "0.25\n0.125\ndone": (0.25, 0.125),
    "[np.float64(0.25), np.float64(0.125)]": (0.25, 0.125),
    "losses = [0.25 0.125]": (0.25, 0.125),
    "Epoch 0: 9129 / 10000\nEpoch 1 complete": (),
    "the answer is 42": (),
    "": (),
}


@pytest.mark.parametrize("text", PRINTED)
def test_losses_are_read_off_what_is_printed(text):
    assert printed_losses(text) == pytest.approx(PRINTED[text], nan_ok=True)


GRADIENTS = """import numpy as np

def gradients(W1, b1, W2, b2, x, y):
    h = x @ W1 + b1
    e = 2 * (h @ W2 + b2 - y) / y.size
    {}
    return x.T @ (e @ W2.T), (e @ W2.T).sum(0), h.T @ e, e.sum(0)
"""

UNTOLD = "in which not all of dW1, db1, dW2, db2 can be told"
# what is put into the gradients -> the one line
FAILURES = {
    "1 / 0": "line 6: ZeroDivisionError: division by zero (in gradients)",
    "e = undefined": "line 6: NameError: name 'undefined' is not defined (in gradients)",
    "raise ValueError('first\\nsecond')": "line 6: ValueError: first (in gradients)",
    "import sys; sys.exit()": "line 6: sys.exit() was called (in gradients)",
    "import nonsense": "line 6: nonsense is imported, but not installed (in gradients)",
    "raise NotImplementedError": "gradients is not written yet",
    "if x.size: raise NotImplementedError": "gradients is not written yet",
    "return ...": "gradients is not written yet",
    "return": "gradients returned nothing (None)",
    "return 5": f"gradients returned int 5, {UNTOLD}",
    "return h, e": f"gradients returned a tuple of (1, 2), (1, 1), {UNTOLD}",
    "return {'dW1': h}": f"gradients returned a dict with dW1, {UNTOLD}",
    "return 'W1', b1, W2, b2": f"gradients returned a tuple of str, (2,), (2, 1), (1,), {UNTOLD}",
    "e = e * 0": "gradients returned only zeros: it is not written yet",
    "e = e * np.nan": "gradients returned nan in W_111 and 8 more",
    "e = e * np.array([np.inf])": "gradients returned -inf in W_111 and 8 more",
    "return gradients(W1, b1, W2, b2, x, y)": "RecursionError: maximum recursion depth exceeded",
    "open('no.csv')": "line 6: FileNotFoundError: [Errno 2] No such file or directory: 'no.csv' (in gradients)",
}


@pytest.mark.parametrize("line", FAILURES)
def test_a_failing_function_is_one_clear_line(line, tmp_path):
    ((answer,),) = asked(tmp_path, GRADIENTS.format(line), [probe(STUDENTS, MSE, 1)])
    (problem,) = answer.problems
    said = re.sub(r"^line [3-6]: (?=Recursion)", "", problem)  # which line meets the limit depends on the stack
    assert said.startswith(FAILURES[line])
    assert "\n" not in problem
    assert answer.gradient is None


def test_outputs_that_are_no_numbers_do_not_hide_the_layout(tmp_path):
    text = programs.ROWS.replace("- z.max(axis=1, keepdims=True)", "")  # overflows for large z
    probes = [probe(TANH_SOFTMAX, CCE, 2), probe(TANH_SOFTMAX, CCE, 2, 500.0)]
    (one,), (other,) = asked(tmp_path, text, probes)
    check(probes[0], one, EVERYTHING)
    assert other.outputs is None
    assert other.problems[0].startswith("forward returned nan")
    assert one.conventions == other.conventions


def test_a_broken_forward_function_does_not_hide_gradients_that_do_without_it(tmp_path):
    text = SQUARE + "\ndef forward(X, W1, b1, W2, b2):\n    return undefined\n"
    p = probe(net(3, 4, 2, hidden="tanh", output="linear"), MSE, 5)
    ((answer,),) = asked(tmp_path, text, [p])
    assert answer.problems == ("line 12: NameError: name 'undefined' is not defined (in forward)",)
    close(answer.gradient, truth(p)[1])


def test_zero_gradients_of_one_probe_are_an_answer(tmp_path):
    text = GRADIENTS.format("e = e * (x.sum() > 16.5)")
    wide = probe(STUDENTS, MSE, 1)  # 5 + 12
    narrow = Probe(STUDENTS, MSE, wide.w, wg.Rows(X[:1], Y[:1]))  # 8 + 8
    (one,), (other,) = asked(tmp_path, text, [wide, narrow])
    check(wide, one, "gradient")
    assert other.problems == ()
    assert not other.gradient.any()


def test_inputs_may_be_arguments_of_their_own(tmp_path):
    text = programs.NUMBERS.replace("b21, x, y)", "b21, x1, x2, y)").replace("x[0]", "x1").replace("x[1]", "x2")
    p = probe(STUDENTS, MSE, 1)
    ((answer,),) = asked(tmp_path, text, [p])
    check(p, answer, "gradient")


def test_an_update_that_does_nothing_is_told(tmp_path):
    text = programs.ROWS.replace("params[key] -= lr * grads[key]", "new = params[key] - lr * grads[key]")
    ((answer,),) = asked(tmp_path, text, [probe(TANH_SOFTMAX, CCE, 2)])
    assert answer.problems == ("step returned nothing and changed nothing",)
    assert answer.stepped is None


def loop_answer(tmp_path, text, epochs=7):
    p = probe(STUDENTS, training("mse", 0.001, epochs=epochs, batch=1), 4)
    (answer, *_) = asked(tmp_path, text, [p])[0]
    return answer, trained(p)


def test_a_loop_that_returns_a_history_by_name_is_read(tmp_path):
    text = programs.LOOP.replace("return losses, params", "return {'accuracy': [0] * epochs, 'loss': losses}")
    answer, (losses, w) = loop_answer(tmp_path, text)
    close(answer.losses, losses)
    close(answer.final, w)  # changed in place


@pytest.mark.parametrize("how", ["np.random.default_rng(1).permutation(len(X))", "np.random.permutation(len(X))"])
def test_a_loop_that_shuffles_is_kept_in_order_and_that_is_said(how, tmp_path):
    text = programs.LOOP.replace("zip(X, y)", f"((X[k], y[k]) for k in {how})")
    answer, (losses, _) = loop_answer(tmp_path, text)
    close(answer.losses, losses)
    assert "train shuffles the rows; they were kept in order" in answer.conventions
    assert list(np.random.default_rng(1).permutation(40)) != list(range(40))  # elsewhere they shuffle on


def test_a_loop_with_another_number_of_losses_says_how_many(tmp_path):
    text = programs.LOOP.replace("return losses, params", "return losses[1:]").replace("params, e", "p, e")
    text = text.replace("losses = []", "losses, params = [], {k: v.copy() for k, v in p.items()}")
    answer, _ = loop_answer(tmp_path, text)
    assert answer.losses is None
    assert answer.problems == ("train gave 6 numbers and no parameters that can be told for 7 epochs",)


def test_as_many_losses_as_parameters_are_losses(tmp_path):
    text = programs.LOOP.replace("return losses, params", "return np.array(losses)")
    answer, (losses, w) = loop_answer(tmp_path, text, epochs=STUDENTS.n_parameters)
    close(answer.losses, losses)
    close(answer.final, w)


def test_a_loop_without_a_start_or_a_rate_says_so(tmp_path):
    text = programs.LOOP.replace("params, epochs, lr):", "epochs):\n    params, lr = start(), 0.001")
    text += "\ndef start():\n    W = {'W1': np.ones((2, 2)), 'W2': np.ones((2, 1))}\n"
    text += "    return {**W, 'b1': np.zeros(2), 'b2': np.zeros(1)}\n"
    answer, _ = loop_answer(tmp_path, text)
    assert "train chooses the start values itself" in answer.conventions
    assert "train takes no learning rate; the one written in it counts" in answer.conventions
    assert answer.losses is not None
