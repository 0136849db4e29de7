"""The names of functions and arguments in somebody's code, and what each stands for.

Names are compared without capitals and underscores. `ARGUMENTS` says which names mean what; arrays of parameters,
gradients and activations (W1, db2, A1) and single weights (w111) are told by their pattern. `PARTS` says by which
names the parts of a program are found, `ALIKE` by which patterns where none of those is there.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection
from functools import lru_cache
from typing import Any

ARGUMENTS: dict[str, tuple[str, ...]] = {
    "parameters": (
        *("parameters", "params", "param", "theta", "thetas", "network", "model", "net", "p"),
        *("neural_network", "nn"),
    ),
    "weights": ("weights", "Ws", "W"),
    "biases": ("biases", "bias", "bs", "b"),
    "x": (
        *("x", "inputs", "input", "a0", "features", "x_train", "train_x", "x_batch", "x_data", "input_data"),
        *("row", "sample", "example", "xs", "input_vector", "inputs_list"),
    ),
    "y": (
        *("y", "target", "targets", "t", "label", "labels", "y_true", "y_train", "train_y", "y_batch", "y_data"),
        *("expected", "desired", "actual", "truth", "ys", "target_data", "target_vector"),
        *("y_trues", "all_y_trues"),
    ),
    "outputs": (
        *("y_hat", "y_pred", "prediction", "predictions", "predicted", "pred", "output", "outputs", "AL"),
        *("out", "probs", "y_output", "yh"),
    ),
    "hidden": ("A_prev", "h", "hidden", "hidden_output", "hidden_layer_output", "hidden_activations"),
    "cache": ("cache", "caches", "memory", "forward_cache", "activations", "intermediates"),
    "gradients": ("grads", "gradients", "grad", "gradient", "derivatives", "g"),
    "learning_rate": ("learning_rate", "lr", "eta", "alpha", "rate", "step_size", "learn_rate", "l_rate"),
    "epochs": (
        *("epochs", "n_epochs", "num_epochs", "epoch", "iterations", "num_iterations", "n_iterations"),
        *("n_epoch", "n_iter", "num_iter", "max_iter", "iters", "n_iters", "num_iters"),
    ),
    "sizes": (
        *("layer_dims", "layers_dims", "layer_sizes", "sizes", "dims", "architecture", "layer_dimensions"),
        *("layers_sizes", "nn_architecture", "layers", "layer_nodes", "network_structure"),
    ),
    "n_inputs": ("n_x", "n_in", "input_size", "n_inputs", "input_dim", "num_inputs", "input_nodes", "n_features"),
    "n_hidden": ("n_h", "n_hidden", "hidden_size", "hidden_dim", "num_hidden", "hidden_nodes", "hidden_units"),
    "hidden_sizes": ("hidden_sizes", "hidden_layers", "hidden_layer_sizes", "hidden_dims"),
    "n_outputs": ("n_y", "n_out", "output_size", "n_outputs", "output_dim", "num_outputs", "output_nodes"),
    "batch_size": ("batch_size", "mini_batch_size", "minibatch_size", "batchsize"),
    "pairs": ("mini_batch", "training_data", "train_data", "data", "dataset", "batch"),
    "n_rows": ("m", "n", "n_samples", "num_examples", "n_rows"),
    "velocity": ("v", "velocity", "velocities", "s"),
    "step_number": ("step_number", "timestep"),
    "momentum": ("momentum", "beta", "gamma", "mu"),
    "l2": ("l2", "lambd", "lambda_", "lmbda", "lam", "reg", "reg_lambda", "lambda_reg", "weight_decay"),
    "loud": ("print_cost", "print_loss", "verbose"),
    "seed": ("seed", "random_state"),
}

# ---- functions, by part: the first name that is there; else a name like one of them ----

PARTS: dict[str, tuple[str, ...]] = {
    "initialize": (
        "initialize_parameters",
        "initialize_parameters_deep",
        "initialise_parameters",
        "init_parameters",
        "init_params",
        "initialize_params",
        "initialize_weights",
        "initialise_weights",
        "init_weights",
        "initialize_network",
        "initialize",
        "initialise",
    ),
    "forward": (
        "forward_propagation",
        "L_model_forward",
        "L_layer_forward",
        "model_forward",
        "forward_pass",
        "forward_prop",
        "forwardprop",
        "feed_forward",
        "forward_propagate",
        "forward",
    ),
    "loss": (
        "compute_cost",
        "compute_loss",
        "calculate_cost",
        "calculate_loss",
        "cost_function",
        "loss_function",
        "loss_fn",
        "cost",
        "loss",
    ),
    "gradients": (
        "backward_propagation",
        "back_propagation",
        "compute_gradients",
        "compute_gradient",
        "calculate_gradients",
        "get_gradients",
        "L_model_backward",
        "model_backward",
        "backward_pass",
        "backward_prop",
        "back_prop",
        "backward",
        "gradients",
        "gradient",
        "grads",
        "grad",
    ),
    "update": (
        "update_parameters",
        "update_params",
        "update_weights",
        "update_mini_batch",
        "update_network",
        "apply_gradients",
        "gradient_descent_step",
        "sgd_step",
        "optimizer_step",
        "train_step",
        "step",
        "update",
    ),
    "memory": ("initialize_velocity", "initialize_momentum", "initialize_adam", "init_velocity", "init_momentum"),
    "loop": (
        "train",
        "fit",
        "training_loop",
        "train_network",
        "train_model",
        "train_loop",
        "L_layer_model",
        "nn_model",
        "gradient_descent",
        "sgd",
        "run_training",
        "main",
    ),
}

ALIKE = {
    "initialize": re.compile(r".*init.*|(make|create|build|new|random)(params|parameters|weights|network)"),
    "gradients": re.compile(r"(?!.*step).*(grad|backprop|backward|backpass).*"),
    "loss": re.compile(r".*(cost|loss).*"),
    "update": re.compile(r".*update.*|.*(train|learn|sgd)(one|step|example|sample|single|row|onbatch|batch)"),
    "loop": re.compile(r"(train|fit|learn).*|.*training|.*train"),
}
# one activation's or one layer's own, a check, or descent: not the whole network's backpropagation
UNLIKE = re.compile(
    r".*(sigmoid|tanh|relu|softmax|linear|activation|layer|numeric|check|clip|descent|zero|test|prime|deriv).*"
)


# what a layer calls the gradient that it is given
HANDED_BACK = {
    *("delta", "dout", "da", "dz", "dy", "error", "outputerror", "outputgradient", "gradoutput", "upstream"),
}

# ---- roles ----

# names that mean something else in some parts: (part, plain name) -> role
_ELSEWHERE = {
    ("forward", "a"): "x",
    **{(part, "layers"): "parameters" for part in ("forward", "gradients", "update", "loss")},
    ("loop", "batch"): "batch_size",
    ("class", "hidden"): "n_hidden",
    ("initialize", "hidden"): "n_hidden",
    ("loop", "n"): "epochs",
}


def plain(name: str) -> str:
    """A name as it is compared: without capitals and underscores."""
    return name.lower().replace("_", "")


_ROLES = {plain(name): role for role, names in ARGUMENTS.items() for name in names}


def role_of(name: str, part: str, beside: Collection[str] = ()) -> str | None:
    """What an argument of that name stands for in a function of that part, or None."""
    key = plain(name)
    others = {_ROLES.get(plain(other)) for other in beside}
    if key == "t" and "gradients" in others:
        return "step_number"  # as in Adam; elsewhere t is the target
    if key == "p" and any(parameter_argument(other) for other in beside):
        return "x"  # MATLAB's name, beside W1, b1, ...
    if key in ("w", "weights", "ws") and "biases" not in others:
        return "parameters"
    role = _ELSEWHERE.get((part, key), _ROLES.get(key))
    return "x" if role == "pairs" and "y" in others else role


def roles_of(function: Callable[..., Any], part: str) -> set[str | None]:
    """What the arguments of a function of that part stand for; None where one cannot be told."""
    names = argument_names(function)
    return {role_of(name, part, names) for name in names}


@lru_cache(maxsize=256)
def arguments_of(function: Callable[..., Any]) -> tuple[inspect.Parameter, ...]:
    """A function's arguments but self, *args and **kwargs; none where Python cannot tell."""
    try:
        there = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return ()
    return tuple(a for a in there if a.name != "self" and a.kind not in (a.VAR_POSITIONAL, a.VAR_KEYWORD))


def takes_anything(function: Callable[..., Any]) -> bool:
    """Whether its arguments have no names: (*args), as a wrapper's."""
    try:
        there = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    return not arguments_of(function) and any(a.kind == a.VAR_POSITIONAL for a in there)


def argument_names(function: Callable[..., Any]) -> list[str]:
    """The names of a function's arguments."""
    return [argument.name for argument in arguments_of(function)]


def known_arguments() -> str:
    """A name for everything that may be handed over, in one line."""
    return ", ".join(names[0] for names in ARGUMENTS.values())


def parameter_argument(name: str) -> tuple[bool, str, int] | None:
    """(is a gradient, "W" or "b", layer from 1) of a name like W1, b_2, weights1, dW1, grad_b2 or nabla_w1."""
    found = re.fullmatch(
        r"(d_?|grad_?|g_|nabla_?|delta_?)?(w|b|theta|syn)(?:eights?|ias(?:es)?)?_?(\d+)", name.lower()
    )
    if not found:
        return None
    return found.group(1) is not None, "b" if found.group(2) == "b" else "W", int(found.group(3))
