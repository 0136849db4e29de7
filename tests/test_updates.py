"""Every optimizer against PyTorch and Keras over 60 steps, its first step by hand; penalties and clipping."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from truth import float64_keras

from whygrad.errors import InputError, WrongTypeError
from whygrad.losses import loss
from whygrad.maths import NUMPY
from whygrad.network import Dense, Network
from whygrad.propagation import backward_propagation, forward_propagation, penalty, update_parameters
from whygrad.training import Training
from whygrad.updates import UPDATES, Update, constants, name_of, update
from whygrad.weights import flatten, views

SGD, Momentum, Nesterov, RMSprop, Adagrad, Adam, AdamW = UPDATES.values()
NET = Network(2, (Dense(3, "tanh"), Dense(1)))
MSE = loss("mse")
DRAW = np.random.default_rng(11)
X, Y = DRAW.normal(0, 1, (8, 2)), DRAW.normal(0, 2, (8, 1))
START = DRAW.normal(0, 0.7, NET.n_parameters)
STEPS = 60
FALLING = [0.02 * 0.97**t for t in range(STEPS)]
STEADY = [0.02] * STEPS


def gradient(w: np.ndarray) -> np.ndarray:
    """Of a small network's loss: neither quadratic nor convex."""
    return flatten(NET, backward_propagation(NET, w, forward_propagation(NET, w, X), Y, MSE).layers)


def ours(rule: Update, rates: list[float], training: Training | None = None) -> np.ndarray:
    """(steps, P): the parameters after each step."""
    training = replace(training or Training("mse"), optimizer=rule)
    w, memory, path = START, tuple(np.zeros_like(START) for _ in rule.memories), []
    for t, rate in enumerate(rates, start=1):
        w, memory = update_parameters(NET, training, w, gradient(w), memory, t, rate)
        path.append(w)
    return np.array(path)


def torchs(kind: str, rates: list[float], l2: float = 0.0, clip=None, **settings: float) -> np.ndarray:  # type: ignore[no-untyped-def]
    """The same path by torch.optim, from the same gradients; l2 as weight_decay of the weights alone."""
    torch = pytest.importorskip("torch", reason="needs torch")
    arrays = [torch.tensor(p.copy(), requires_grad=True) for layer in views(NET, START) for p in layer]
    groups = [
        {"params": arrays[0::2], **({"weight_decay": l2} if l2 else {})},
        {"params": arrays[1::2], **({"weight_decay": 0.0} if l2 else {})},
    ]
    optimizer = getattr(torch.optim, kind)(groups, lr=1.0, **settings)
    path = []
    for rate in rates:
        w = np.concatenate([p.detach().numpy().reshape(-1) for p in arrays])
        for p, g in zip(arrays, (g for layer in views(NET, gradient(w)) for g in layer), strict=True):
            p.grad = torch.tensor(g.copy())
        if clip:
            clip(torch.nn.utils, arrays)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        path.append(np.concatenate([p.detach().numpy().reshape(-1) for p in arrays]))
    return np.array(path)


TORCH = [
    (SGD(), "SGD", {}),
    (Momentum(), "SGD", {"momentum": 0.9}),
    (Nesterov(), "SGD", {"momentum": 0.9, "nesterov": True}),
    (RMSprop(), "RMSprop", {}),
    (RMSprop(decay=0.95, epsilon=1e-2), "RMSprop", {"alpha": 0.95, "eps": 1e-2}),
    (Adagrad(), "Adagrad", {}),
    (Adam(), "Adam", {}),
    (Adam(beta1=0.5, beta2=0.9, epsilon=1e-2), "Adam", {"betas": (0.5, 0.9), "eps": 1e-2}),
    (AdamW(), "AdamW", {}),
    (AdamW(weight_decay=0.3), "AdamW", {"weight_decay": 0.3}),
]


# AdamW's decay is its own; l2 goes with the others
WITH_L2 = [(*one, l2) for one in TORCH for l2 in (0.0, 0.05) if not (l2 and one[1] == "AdamW")]


@pytest.mark.parametrize(("rule", "kind", "settings", "l2"), WITH_L2, ids=str)
@pytest.mark.parametrize("rates", [STEADY, FALLING], ids=["steady", "falling"])
def test_sixty_steps_are_pytorchs(rule: Update, kind: str, settings: dict, l2: float, rates: list) -> None:
    path, true = ours(rule, rates, Training("mse", l2=l2)), torchs(kind, rates, l2, **settings)
    assert np.abs(path - true).max() <= 1e-10
    assert np.abs(path[-1] - START).max() > 0.05  # it went somewhere


TINY = 1e-30  # Keras adds epsilon elsewhere: inside the root, or before the bias correction
KERAS = [
    (SGD(), "SGD", {}, FALLING),
    (Momentum(), "SGD", {"momentum": 0.9}, STEADY),  # the rate is inside Keras's memory
    (Nesterov(), "SGD", {"momentum": 0.9, "nesterov": True}, STEADY),
    (RMSprop(decay=0.9, epsilon=TINY), "RMSprop", {"rho": 0.9, "epsilon": TINY}, FALLING),
    (Adagrad(epsilon=TINY), "Adagrad", {"initial_accumulator_value": 0.0, "epsilon": TINY}, FALLING),
    (Adam(epsilon=TINY), "Adam", {"epsilon": TINY}, FALLING),
    (AdamW(epsilon=TINY, weight_decay=0.3), "AdamW", {"epsilon": TINY, "weight_decay": 0.3}, FALLING),
]


def kerass(kind: str, rates: list[float], **settings: float) -> np.ndarray:
    pytest.importorskip("keras", reason="needs keras")
    with float64_keras() as keras:
        arrays = [keras.Variable(p.copy()) for layer in views(NET, START) for p in layer]
        optimizer = getattr(keras.optimizers, kind)(learning_rate=1.0, **settings)
        optimizer.build(arrays)
        path = []
        for rate in rates:
            w = np.concatenate([np.asarray(p.value).reshape(-1) for p in arrays])
            optimizer.learning_rate = rate
            optimizer.apply([keras.ops.array(g) for layer in views(NET, gradient(w)) for g in layer], arrays)
            path.append(np.concatenate([np.asarray(p.value).reshape(-1) for p in arrays]))
    return np.array(path)


@pytest.mark.parametrize(("rule", "kind", "settings", "rates"), KERAS, ids=lambda v: str(v)[:40])
def test_sixty_steps_are_those_of_keras(rule: Update, kind: str, settings: dict, rates: list) -> None:
    assert np.abs(ours(rule, rates) - kerass(kind, rates, **settings)).max() <= 1e-12


def test_kerass_epsilon_translated() -> None:
    """Keras's Adam has sqrt(v) + e where ours has sqrt(v) + e sqrt(1 - beta2^t), so e follows t."""
    w, memory, path = START, (np.zeros_like(START), np.zeros_like(START)), []
    for t in range(1, STEPS + 1):
        translated = Adam(epsilon=1e-3 / math.sqrt(1 - 0.999**t))
        w, memory = Adam.step(NUMPY, w, gradient(w), memory, t, 0.02, constants(translated))
        path.append(w)
    assert np.abs(np.array(path) - kerass("Adam", STEADY, epsilon=1e-3)).max() <= 1e-12


# ---- by hand ----


@pytest.mark.parametrize(
    ("rule", "moved", "memory"),
    [
        # w = 1, g = 2, rate 0.1, first step; then g = -1, second step
        (SGD(), [0.8, 0.9], []),
        (Momentum(momentum=0.5), [0.8, 0.8], [[2.0], [0.0]]),  # v = 2, then 0.5 x 2 - 1 = 0
        (Nesterov(momentum=0.5), [0.7, 0.8], [[2.0], [0.0]]),  # 2 + 0.5 x 2 = 3, then -1 + 0.5 x 0 = -1
        # v = 0.25 x 4 = 1, then 0.75 + 0.25 = 1
        (RMSprop(decay=0.75, epsilon=1.0), [0.9, 0.95], [[1.0], [1.0]]),  # 0.1 x 2/2, then 0.1 x -1/2
        (Adagrad(epsilon=2.0), [0.95, 0.95 + 0.1 / (math.sqrt(5) + 2)], [[4.0], [5.0]]),
        # m/(1 - b1) = 2, sqrt(v/(1 - b2)) = 2, so 0.1 x 2/(2 + 2); then m = 0.5 - 0.5 = 0
        (Adam(beta1=0.5, beta2=0.75, epsilon=2.0), [0.95, 0.95], [[1.0, 1.0], [0.0, 1.0]]),
        # first 1 x (1 - 0.1 x 0.5) = 0.95, less 0.05; then 0.9 x 0.95
        (AdamW(beta1=0.5, beta2=0.75, epsilon=2.0, weight_decay=0.5), [0.9, 0.855], [[1, 1], [0, 1]]),
    ],
    ids=lambda v: str(v)[:30],
)
def test_two_steps_by_hand(rule: Update, moved: list[float], memory: list[list[float]]) -> None:
    w, held = np.array([1.0]), tuple(np.zeros(1) for _ in rule.memories)
    for t, g in ((1, 2.0), (2, -1.0)):
        before = w.copy()
        new, after = rule.step(NUMPY, w, np.array([g]), held, t, 0.1, constants(rule))
        assert (w == before).all()  # nothing in place
        assert new[0] == pytest.approx(moved[t - 1], rel=1e-15)
        assert [m[0] for m in after] == pytest.approx(memory[t - 1] if memory else [], rel=1e-15)
        w, held = new, after


@pytest.mark.parametrize("kind", UPDATES.values(), ids=list(UPDATES))
@given(st.floats(0, 1e3, width=32), st.integers(1, 10**6))
def test_float32_stays_float32_and_finite(kind: type, size: float, t: int) -> None:
    rule = kind()
    w = np.array([1.0, -2.0], np.float32)
    g = np.array([size, 0.0], np.float32)
    memory = tuple(np.zeros(2, np.float32) for _ in rule.memories)
    w, memory = rule.step(NUMPY, w, g, memory, t, 0.01, constants(rule))
    for array in (w, *memory):
        assert array.dtype == np.float32
        assert np.isfinite(array).all()


# ---- penalties, clipping, freezing ----


@pytest.mark.parametrize(("l1", "l2"), [(0.1, 0), (0, 0.3), (0.1, 0.3)])
def test_penalties_are_what_autograd_makes_of_the_penalised_loss(l1: float, l2: float) -> None:
    torch = pytest.importorskip("torch", reason="needs torch")
    arrays = [torch.tensor(p.copy(), requires_grad=True) for layer in views(NET, START) for p in layer]
    weights = sum(l1 * W.abs().sum() + l2 / 2 * (W**2).sum() for W in arrays[0::2])
    hidden = torch.tanh(torch.tensor(X) @ arrays[0] + arrays[1])
    (torch.nn.functional.mse_loss(hidden @ arrays[2] + arrays[3], torch.tensor(Y)) + weights).backward()
    true = START - 0.1 * np.concatenate([p.grad.numpy().reshape(-1) for p in arrays])
    training = Training("mse", optimizer="sgd", l1=l1, l2=l2)
    w, _ = update_parameters(NET, training, START, gradient(START), (), 1, 0.1)
    assert np.abs(w - true).max() <= 1e-15
    assert penalty(NET, training, START) == pytest.approx(weights.item(), rel=1e-14)


def test_clipping_by_hand() -> None:
    net = Network(1, (Dense(1), Dense(1)))  # W1 3, b1 4, W2 12, b2 0: norm 13
    g, w = np.array([3.0, 4.0, 12.0, 0.0]), np.zeros(4)
    for clip, true in [
        ("value:3.5", [3, 3.5, 3.5, 0]),
        ("norm:2", [2, 2, 2, 0]),  # each array alone
        ("global_norm:6.5", [19.5 / 13.000001, 26 / 13.000001, 78 / 13.000001, 0]),  # times 6.5 / (13 + 1e-6)
        ("global_norm:13.1", [3, 4, 12, 0]),
    ]:
        moved, _ = update_parameters(net, Training("mse", optimizer="sgd", clip=clip), w, g, (), 1, 1.0)
        np.testing.assert_allclose(-moved, true, rtol=1e-15)
    # penalties come first: 3 + 1 x 10 is clipped, the bias is free of them
    training = Training("mse", optimizer="sgd", l2=1.0, clip="value:3.5")
    moved, _ = update_parameters(net, training, np.full(4, 10.0), g, (), 1, 1.0)
    np.testing.assert_allclose(10 - moved, [3.5, 3.5, 3.5, 0])


@pytest.mark.parametrize(("rule", "kind"), [(SGD(), "SGD"), (Adam(), "Adam")])
def test_clipping_is_pytorchs(rule: Update, kind: str) -> None:
    by_value = torchs(kind, STEADY, clip=lambda utils, p: utils.clip_grad_value_(p, 0.1))
    assert np.abs(ours(rule, STEADY, Training("mse", clip="value:0.1")) - by_value).max() <= 1e-10
    together = torchs(kind, STEADY, clip=lambda utils, p: utils.clip_grad_norm_(p, 0.5))
    assert np.abs(ours(rule, STEADY, Training("mse", clip="global_norm:0.5")) - together).max() <= 1e-10


@pytest.mark.parametrize(
    ("clip", "settings"),
    [
        ("value:0.1", {"clipvalue": 0.1}),
        ("norm:0.1", {"clipnorm": 0.1}),
    ],
)
def test_clipping_is_that_of_keras(clip: str, settings: dict) -> None:
    path = ours(SGD(), STEADY, Training("mse", clip=clip))
    assert np.abs(path - kerass("SGD", STEADY, **settings)).max() <= 1e-12


@pytest.mark.parametrize("kind", UPDATES.values(), ids=list(UPDATES))
def test_what_is_frozen_stays(kind: type) -> None:
    training = Training("mse", freeze=("2", "W_121"), l1=0.1, l2=0.1)
    path = ours(kind(), STEADY, training)
    frozen = np.zeros(NET.n_parameters, bool)
    frozen[[1, *range(9, 13)]] = True  # layer 1 is W (2, 3) and 3 biases; W_121 is its second entry
    assert (path[:, frozen] == START[frozen]).all()
    assert (path[-1, ~frozen] != START[~frozen]).all()


def test_frozen_parameters_do_not_count_in_the_norm() -> None:
    free = np.ones(NET.n_parameters, bool)
    free[9:] = False
    g = gradient(START)
    moved = START - ours(SGD(), [1.0], Training("mse", freeze="2", clip="global_norm:0.1"))[0]
    np.testing.assert_allclose(moved[free], g[free] * 0.1 / (np.linalg.norm(g[free]) + 1e-6), rtol=1e-13)


# ---- asking by name ----


def test_names_and_settings() -> None:
    assert update("Adam") == Adam()
    assert update("SGD", 0.5) == SGD(0.5)
    assert update("nesterov", momentum=0.5) == Nesterov(momentum=0.5)
    assert constants(AdamW(0.1, 0.2, 0.3, 0.4, 0.5)) == (0.2, 0.3, 0.4, 0.5)
    for name, kind in UPDATES.items():
        assert name_of(kind()) == name
        assert update(name) == update(kind()) == kind()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: update("addam"), "optimizer: 'addam' is not known; it can be sgd, momentum, nesterov"),
        (lambda: update("adam", beta=1), "optimizer adam: setting: 'beta' is not known; it can be learning_rate"),
        (lambda: update("sgd", 0), "optimizer sgd: learning_rate is 0, but must be a number above 0"),
        (lambda: update("sgd", math.nan), "learning_rate is nan, but must be a number above 0"),
        (lambda: update(Momentum(momentum=1)), "momentum is 1, but must be from 0 to below 1"),
        (lambda: update("adam", beta2=1.0), "beta2 is 1, but must be from 0 to below 1"),
        (lambda: update("adamw", weight_decay=-1), "weight_decay is -1, but must be 0 or more"),
    ],
)  # fmt: skip
def test_refusals(make, says: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError) as refusal:
        make()
    assert says in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("wrong", [Adam, 5, None])
def test_what_is_no_optimizer_is_refused(wrong: object) -> None:
    with pytest.raises(WrongTypeError, match=r"optimizer is .*, but must be a name or a rule, as in 'adam'"):
        update(wrong)  # type: ignore[arg-type]
    with pytest.raises(WrongTypeError, match="optimizer sgd: learning_rate is 'fast', but must be a number"):
        update("sgd", "fast")  # type: ignore[arg-type]
