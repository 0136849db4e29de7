"""Training: what a run is told goes to JSON and comes back equal; every setting that cannot be is refused."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whygrad.errors import InputError, WhygradError, WrongTypeError
from whygrad.losses import LOSSES, Huber, loss
from whygrad.schedules import Constant, Cosine, Exponential, StepDecay
from whygrad.training import Clip, Stop, Training, clip, training_from_plain
from whygrad.updates import SGD, UPDATES, Adam, Momentum

positive = st.floats(1e-12, 1e6)
share = st.floats(0, 0.999)
optional = st.none() | st.floats(0, 1e3)
trainings = st.builds(
    Training,
    loss=st.sampled_from(list(LOSSES)) | st.floats(0.001, 10).map(Huber),
    optimizer=st.sampled_from(list(UPDATES)) | st.builds(Adam, positive, share, share, positive),
    epochs=st.integers(0, 10**6),
    batch=st.integers(1, 10**6) | st.just("all"),
    order=st.sampled_from(["sequential", "shuffled", "random"]),
    start=st.sampled_from(["he", "zeros", "uniform:0.3", "distinct"]) | st.floats(-2, 2),
    seed=st.integers(0, 2**63),
    dtype=st.sampled_from(["float64", "float32"]),
    schedule=st.one_of(
        st.just(Constant()),
        st.builds(StepDecay, st.integers(1, 99), st.floats(1e-6, 1)),
        st.builds(Exponential, st.floats(1e-6, 1)),
        st.builds(Cosine, st.floats(0, 1)),
    ),
    warmup=st.integers(0, 20),
    clip=st.none() | st.builds(Clip, st.sampled_from(["value", "norm", "global_norm"]), positive),
    l1=positive,
    l2=positive,
    smoothing=share,
    class_weights=st.just("balanced") | st.dictionaries(st.text(max_size=5), st.floats(0, 99), max_size=3),
    freeze=st.lists(st.sampled_from(["1", "W_211", "B_2"]), max_size=3),
    validation=st.floats(0.01, 0.9),
    scale=st.sampled_from(["standard", "none"]),
    stop=st.builds(Stop, optional, optional, st.none() | st.integers(1, 99), st.floats(0, 1)),
)  # fmt: skip


@given(trainings)
def test_there_and_back_through_json(training: Training) -> None:
    plain = training.to_plain()
    assert training_from_plain(plain) == training
    assert training_from_plain(json.loads(json.dumps(plain, allow_nan=False))) == training
    assert hash(training_from_plain(plain)) == hash(training)


def test_defaults_are_those_of_the_design() -> None:
    made = Training("mse")
    assert made == Training(
        loss=loss("mean_squared_error"), optimizer=Adam(0.001), epochs=100, batch=32, order="shuffled", start="he",
        seed=0, dtype="float64", schedule=Constant(), clip=None, l1=0, l2=0, validation=0, scale="standard",
    )  # fmt: skip
    assert made.to_plain() == {
        "loss": "mean_squared_error",
        "optimizer": {"name": "adam", "learning_rate": 0.001, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8},
        "epochs": 100, "batch": 32, "order": "shuffled", "start": "he", "seed": 0, "dtype": "float64",
        "schedule": "constant", "warmup": 0, "l1": 0.0, "l2": 0.0, "smoothing": 0.0, "class_weights": [],
        "freeze": [], "validation": 0.0, "scale": "standard", "stop": {"min_delta": 0.0},
    }  # fmt: skip


def test_names_and_values_mean_the_same() -> None:
    named = Training(
        "huber:2", "momentum", schedule="step:5,0.1", clip="global_norm:3", freeze="1, W_211", start=0.1,
        class_weights={"yes": 3}, epochs=5.0, seed=np.int64(3), batch=np.int32(4), l2=np.float32(0.5),
    )  # fmt: skip
    assert named == Training(
        Huber(2), Momentum(), schedule=StepDecay(5, 0.1), clip=Clip("global_norm", 3), freeze=("1", "W_211"),
        start="0.1", class_weights=(("yes", 3.0),), epochs=5, seed=3, batch=4, l2=0.5,
    )  # fmt: skip
    assert training_from_plain(json.loads(json.dumps(named.to_plain()))) == named
    assert Training("mse", freeze=2).freeze == ("2",)  # type: ignore[arg-type]
    assert Training("mse", clip=Clip("norm", np.float64(2))).to_plain()["clip"] == "norm:2.0"


def test_a_file_may_be_short() -> None:
    assert training_from_plain({"loss": "mse"}) == Training("mse")
    short = {"loss": "bce", "optimizer": "sgd", "schedule": "cosine", "clip": "norm:1", "stop": {"patience": 3},
             "validation": 0.2, "class_weights": {"yes": 2}}  # fmt: skip
    assert training_from_plain(short) == Training(
        "bce", SGD(), schedule=Cosine(), clip=Clip("norm", 1), stop=Stop(patience=3), validation=0.2,
        class_weights=(("yes", 2.0),),
    )  # fmt: skip
    assert training_from_plain({"loss": "mse", "optimizer": {"name": "sgd", "learning_rate": 2}}).optimizer == SGD(
        2
    )


def test_clip_and_stop() -> None:
    assert clip(None) is None
    assert clip("Global-Norm: 5") == Clip("global_norm", 5.0)
    assert clip(Clip("value", 1)) == Clip("value", 1)
    assert not Stop().on_convergence
    assert not Stop(patience=3).on_convergence
    assert Stop(loss_change=0).on_convergence
    assert Stop(gradient=1e-3).on_convergence


def only(**settings: object):  # type: ignore[no-untyped-def]
    return lambda: Training("mse", **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Training("mze"), "loss: 'mze' is not known; it can be mean_squared_error"),
        (lambda: Training(3), "loss is 3, but must be a name"),
        (only(optimizer="adan"), "optimizer: 'adan' is not known; it can be sgd, momentum"),
        (only(optimizer=Adam), "optimizer is <class 'whygrad.updates.Adam'>, but must be a name or a rule"),
        (only(optimizer=Adam(-1)), "optimizer adam: learning_rate is -1, but must be a number above 0"),
        (only(epochs=-1), "epochs is -1, but must be a whole number, 0 or more"),
        (only(epochs=1.5), "epochs is 1.5, but must be a whole number"),
        (only(epochs=math.inf), "epochs is inf, but must be a whole number"),
        (only(epochs="ten"), "epochs is 'ten', but must be a whole number"),
        (only(seed=-1), "seed is -1, but must be a whole number, 0 or more"),
        (only(seed=None), "seed is None, but must be a whole number"),
        (only(warmup=-1), "warmup is -1"),
        (only(batch=0), "batch, unless it is 'all', is 0, but must be a whole number, 1 or more"),
        (only(batch="some"), "batch, unless it is 'all', is 'some', but must be a whole number"),
        (only(order="shuffle"), "order: 'shuffle' is not known; it can be sequential, shuffled, random; did you"),
        (only(order=["shuffled"]), "order: ['shuffled'] is not known"),
        (only(dtype="float16"), "dtype: 'float16' is not known; it can be float64, float32"),
        (only(scale="minmax"), "scale: 'minmax' is not known; it can be standard, none"),
        (only(start=None), "start is None, but must be a name or a number"),
        (only(schedule="cosin"), "schedule: 'cosin' is not known"),
        (only(schedule=5), "schedule is 5, but must be a name or a schedule"),
        (only(l1=-0.1), "l1 is -0.1, but must be 0 or more"),
        (only(l2=math.nan), "l2 is nan, but must be 0 or more"),
        (only(l2=math.inf), "l2 is inf, but must be 0 or more"),
        (only(l2="big"), "l2 is 'big', but must be a number"),
        (only(l2=True), "l2 is True, but must be a number"),
        (only(smoothing=1), "smoothing is 1, but must be 0 or more and below 1"),
        (only(validation=1.0), "validation is 1, but must be 0 or more and below 1"),
        (only(clip="norm"), "clip: 'norm' is not understood; write value:1, norm:1 or global_norm:1"),
        (only(clip="norm:0"), "clip: the limit is 0.0, but must be a number above 0"),
        (only(clip="norm:inf"), "clip: the limit is inf"),
        (only(clip="size:1"), "clip: 'size' is not known; it can be value, norm, global_norm"),
        (only(clip=5), "clip is 5, but must be text or a Clip, as in 'norm:1'"),
        (lambda: Clip("norm", "x"), "clip: the limit is 'x', but must be a number above 0"),
        (only(freeze=2.5), "freeze is 2.5, but must be names, as in '2' or ('W_211', '2')"),
        (only(class_weights="even"), "class_weights is 'even', but must be 'balanced' or weights by class"),
        (only(class_weights={"yes": "x"}), "class_weights is {'yes': 'x'}"),
        (only(class_weights=3), "class_weights is 3, but must be 'balanced'"),
        (only(class_weights={"yes": -1}), "class_weights: yes has weight -1, but weights are 0 or more"),
        (only(class_weights={"yes": math.nan}), "class_weights: yes has weight nan"),
        (only(stop=Stop(patience=3)), "patience: early stopping watches the validation loss; set validation"),
        (only(stop=3), "stop is 3, but must be a Stop, as in Stop(patience=5)"),
        (lambda: Stop(patience=0), "stop: patience is 0, but must be a whole number, 1 or more"),
        (lambda: Stop(loss_change=-1), "stop: loss_change is -1, but must be 0 or more"),
        (lambda: Stop(gradient=math.nan), "stop: gradient is nan, but must be 0 or more"),
        (lambda: Stop(min_delta="x"), "stop: min_delta is 'x', but must be 0 or more"),
        (lambda: training_from_plain({"loss": "mse", "epoch": 5}), "training: setting: 'epoch' is not known"),
        (lambda: training_from_plain({}), "training: loss is missing; give one, as in 'mse'"),
        (lambda: training_from_plain([1]), "training is [1], but must be a table of settings"),
        (lambda: training_from_plain({"loss": "mse", "stop": {"patient": 3}}), "stop: setting: 'patient' is"),
        (
            lambda: training_from_plain({"loss": "mse", "optimizer": {"name": "adam", "beta3": 1}}),
            "optimizer adam: setting: 'beta3' is not known; it can be learning_rate, beta1, beta2, epsilon",
        ),
    ],
)  # fmt: skip
def test_refusals(make, says: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(WhygradError) as refusal:
        make()
    assert says in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert isinstance(refusal.value, InputError | WrongTypeError)
