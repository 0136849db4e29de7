"""What is chosen for a table when nothing is said."""

import pytest

import whygrad as wg
from whygrad.defaults import DEFAULT_ACTIVATION, DEFAULT_HIDDEN
from whygrad.errors import InputError, WrongTypeError

TABLES = {
    "regression": wg.read_table({"x": [1, 2, 3], "y": [1.5, 2, 4]}, "y"),
    "binary": wg.read_table({"x": [1, 2, 3], "y": ["no", "yes", "no"]}, "y"),
    "multiclass": wg.read_table({"x": [1, 2, 3], "y": ["a", "b", "c"]}, "y"),
}


@pytest.mark.parametrize(
    ("task", "loss", "output"),
    [
        ("regression", None, "linear"),
        ("regression", "mae", "linear"),
        ("regression", wg.Huber(2), "linear"),
        ("regression", "poisson", "softplus"),
        ("binary", None, "sigmoid"),
        ("binary", "bce", "sigmoid"),
        ("binary", "hinge", "linear"),
        ("multiclass", None, "softmax"),
        ("multiclass", "cce", "softmax"),
        ("multiclass", wg.LOSSES["hinge"], "linear"),
    ],
)
def test_the_output_is_chosen_by_the_task_and_the_loss(task: str, loss: wg.Loss, output: str) -> None:
    table = TABLES[task]
    net = wg.dense_network(table, 3, loss=loss)
    assert net.output.name == output
    assert wg.dense_network(table, 3, output="tanh", loss=loss).output.name == "tanh"  # what is said is kept
    if loss is not None:
        assert wg.fit(net, table, loss=loss, epochs=1).stopped.reason == "epochs"


def test_hidden_layers_when_nothing_is_said() -> None:
    net = wg.dense_network(TABLES["regression"])
    assert net.sizes == (1, *DEFAULT_HIDDEN, 1) == (1, 32, 1)
    assert net.layers[0].activation.name == DEFAULT_ACTIVATION == "relu"


def test_a_loss_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match="did you mean 'hinge'"):
        wg.dense_network(TABLES["binary"], loss="hing")
    with pytest.raises(WrongTypeError, match="loss is 3, but must be a name"):
        wg.dense_network(TABLES["binary"], loss=3)  # type: ignore[arg-type]
