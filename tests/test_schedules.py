"""Schedules against torch.optim.lr_scheduler, warm-up by hand, and every refusal."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whygrad.errors import InputError, WrongTypeError
from whygrad.schedules import SCHEDULES, Constant, Cosine, Exponential, Schedule, StepDecay, rates, schedule

EPOCHS = 37
RATE = 0.3

whole = st.integers(1, 40)
fraction = st.floats(0.01, 1)
any_schedule = st.one_of(
    st.just(Constant()),
    st.builds(StepDecay, whole, fraction),
    st.builds(Exponential, fraction),
    st.builds(Cosine, st.floats(0, 1)),
)


@pytest.mark.parametrize(
    ("made", "kind", "settings"),
    [
        (Constant(), "ConstantLR", {"factor": 1.0}),
        (StepDecay(10, 0.5), "StepLR", {"step_size": 10, "gamma": 0.5}),
        (StepDecay(1, 0.9), "StepLR", {"step_size": 1, "gamma": 0.9}),
        (Exponential(0.95), "ExponentialLR", {"gamma": 0.95}),
        (Cosine(), "CosineAnnealingLR", {"T_max": EPOCHS}),
        (Cosine(0.1), "CosineAnnealingLR", {"T_max": EPOCHS, "eta_min": 0.1 * RATE}),
    ],
    ids=str,
)
def test_factors_are_pytorchs(made: Schedule, kind: str, settings: dict) -> None:
    torch = pytest.importorskip("torch", reason="needs torch")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=RATE)
    scheduler = getattr(torch.optim.lr_scheduler, kind)(optimizer, **settings)
    for epoch in range(EPOCHS):
        assert RATE * made.factor(epoch, EPOCHS) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-13)
        optimizer.step()
        scheduler.step()


def test_factors_by_hand() -> None:
    assert [StepDecay(2, 0.5).factor(e, 6) for e in range(6)] == [1, 1, 0.5, 0.5, 0.25, 0.25]
    assert [Exponential(0.5).factor(e, 3) for e in range(3)] == [1, 0.5, 0.25]
    # cos 0, cos pi/3 = 1/2, cos 2pi/3 = -1/2: (1 + c)/2 = 1, 3/4, 1/4; floor 0.2 makes it 0.2 + 0.8 of that
    np.testing.assert_allclose([Cosine().factor(e, 3) for e in range(3)], [1, 0.75, 0.25], rtol=1e-15)
    np.testing.assert_allclose([Cosine(0.2).factor(e, 3) for e in range(3)], [1, 0.8, 0.4], rtol=1e-15)
    assert [Constant().factor(e, 2) for e in range(2)] == [1, 1]


@given(any_schedule, st.integers(1, 50))
def test_factors_start_at_one_and_never_rise(made: Schedule, epochs: int) -> None:
    factors = [made.factor(epoch, epochs) for epoch in range(epochs)]
    assert factors[0] == pytest.approx(1, rel=1e-15)
    assert all(later <= earlier for earlier, later in pairwise(factors))
    assert all(factor >= 0 for factor in factors)


def test_warm_up_by_hand() -> None:
    # 2 epochs of 2 steps: update s of the run has s/5 of the rate: 1/5, 2/5 | 3/5, 4/5 | 1, 1
    by_epoch = [rates(Constant(), 10.0, 2, epoch, 4, 2) for epoch in range(4)]
    np.testing.assert_allclose(np.concatenate(by_epoch), [2, 4, 6, 8, 10, 10, 10, 10], rtol=1e-15)
    # the schedule falls under it all the same: 0.5^epoch
    halved = [rates(Exponential(0.5), 10.0, 2, epoch, 4, 2) for epoch in range(4)]
    np.testing.assert_allclose(np.concatenate(halved), [2, 4, 3, 4, 2.5, 2.5, 1.25, 1.25], rtol=1e-15)


def test_rates_without_warm_up_are_the_factor_for_every_step() -> None:
    np.testing.assert_array_equal(rates(StepDecay(1, 0.5), 0.8, 0, 2, 5, 3), [0.2, 0.2, 0.2])
    assert rates(Constant(), 0.1, 0, 0, 1, 0).shape == (0,)


@given(any_schedule, st.integers(0, 5), st.integers(1, 7), st.integers(6, 12))
def test_a_warm_up_rises_to_the_schedule_and_is_gone_after(
    made: Schedule, warmup: int, steps: int, epochs: int
) -> None:
    for epoch in range(epochs):
        full = RATE * made.factor(epoch, epochs)
        found = rates(made, RATE, warmup, epoch, epochs, steps)
        assert found.shape == (steps,)
        assert found.dtype == np.float64
        if epoch < warmup:
            assert (found < full).all() or full == 0
            assert (np.diff(found) > 0).all() or full == 0
            assert (found >= 0).all()
        else:
            np.testing.assert_array_equal(found, np.full(steps, full))


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("constant", Constant()),
        ("Step", StepDecay()),
        ("step:20", StepDecay(20)),
        ("step:10,0.5", StepDecay(10, 0.5)),
        ("exponential:0.9", Exponential(0.9)),
        ("cosine:", Cosine()),
        ("cosine:0.01", Cosine(0.01)),
    ],
)
def test_schedules_by_name(text: str, made: Schedule) -> None:
    assert schedule(text) == made
    assert schedule(made) is made


def test_every_schedule_is_found_by_its_name() -> None:
    assert [schedule(name) for name in SCHEDULES] == [kind() for kind in SCHEDULES.values()]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("cosin", "schedule: 'cosin' is not known; it can be constant, step, exponential, cosine; did you"),
        ("constant:1", "schedule: 'constant:1' is not understood; write it as step:10,0.5 exponential:0.95"),
        ("step:a", "schedule: 'step:a' is not understood"),
        ("exponential:0.9,0.8", "is not understood"),
        ("step:0", "schedule: step every 0 epochs; it must be a whole number, 1 or more"),
        ("step:2.5", "schedule: step every 2.5 epochs; it must be a whole number"),
        ("step:inf", "schedule: step every inf epochs; it must be a whole number"),
        ("step:nan", "schedule: step every nan epochs; it must be a whole number"),
        ("step:5,2", "schedule: the factor is 2, but must be above 0 and at most 1"),
        ("exponential:0", "schedule: the factor is 0, but must be above 0 and at most 1"),
        ("exponential:nan", "the factor is nan"),
        ("cosine:1.5", "schedule: the cosine's floor is 1.5, but must lie from 0 to 1"),
    ],
)
def test_refusals(text: str, says: str) -> None:
    with pytest.raises(InputError) as refusal:
        schedule(text)
    assert says in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("wrong", [5, None, Cosine, math.nan])
def test_what_is_no_schedule_is_refused(wrong: object) -> None:
    with pytest.raises(WrongTypeError, match=r"schedule is .*, but must be a name or a schedule, as in 'cosine'"):
        schedule(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("made", [StepDecay(0), StepDecay(math.inf), Exponential(-1), Cosine(2)], ids=str)  # type: ignore[arg-type]
def test_values_are_checked_too(made: Schedule) -> None:
    with pytest.raises(InputError, match="schedule: "):
        schedule(made)
