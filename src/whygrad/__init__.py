"""whygrad: backpropagation you can open.

    import whygrad as wg

    table = wg.read_table("houses.csv", target="price")
    net = wg.dense_network(table, hidden=(64, 32), activation="relu")
    run = wg.fit(net, table, optimizer=wg.Adam(1e-3), epochs=50, batch=32, validation=0.2, seed=1)
    run                             # why it stopped, both losses, a curve
    run.predict("new.csv")
    wg.save(run, "houses.whygrad")

Everything below is loaded when it is first used, so `import whygrad` costs little more than NumPy.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "activations": ["ACTIVATIONS", "Activation", "Elu", "LeakyRelu", "activation"],
    "agreement": ["Comparison", "compare"],
    "defaults": ["dense_network"],
    "encoding": ["Encoding", "encode_inputs", "encode_targets", "fit_encoding"],
    "engines": ["ENGINES", "Engine", "engine"],
    "errors": [
        "InputError",
        "ModelFileError",
        "OutputError",
        "TableError",
        "WhygradError",
        "WrongTypeError",
    ],
    "evaluation": ["Evaluation", "evaluate"],
    "examples": ["EXAMPLES", "example"],
    "history": ["Keep", "Record", "Run", "Stopped"],
    "exercises": [
        "Exercise",
        "exercise_of",
        "feedback",
        "make_exercise",
        "mark_answers",
        "mark_folder",
        "sheet_text",
    ],
    "explanation": ["Explanation", "explain", "explain_row"],
    "fitting": ["fit"],
    "job": ["prepare"],
    "judgement.checking": ["check"],
    "judgement.report": ["Report"],
    "judgement.runner": ["Limits"],
    "loop": ["train"],
    "losses": ["LOSSES", "Huber", "Loss", "loss"],
    "model": ["Model", "Predictions"],
    "modelfile": ["load", "save"],
    "names": ["find_parameter", "find_unit", "legend", "parameter_names", "place_of"],
    "network": ["Dense", "Network"],
    "propagation": [
        "backward_propagation",
        "forward_propagation",
        "initialize_parameters",
        "input_gradient",
        "linear_forward",
        "row_losses",
        "update_parameters",
    ],
    "reading": ["read_table", "table_from_arrays"],
    "schedules": ["Constant", "Cosine", "Exponential", "StepDecay"],
    "state": ["State"],
    "table": ["Column", "Rows", "Table"],
    "targets": ["one_hot"],
    "training": ["Clip", "Stop", "Training"],
    "updates": ["SGD", "UPDATES", "Adagrad", "Adam", "AdamW", "Momentum", "Nesterov", "RMSprop"],
    "weights": ["flatten", "views"],
}
_HOMES = {name: module for module, names in _HOME.items() for name in names}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'whygrad' has no attribute {name!r}")
    value = getattr(import_module(f"whygrad.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
