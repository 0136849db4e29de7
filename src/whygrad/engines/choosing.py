"""Which engine a job gets where none is named: the reference for little work, the compiled one for much.

The choice is a function of the job and of whether its kernels are kept from before. A job between little and much
is computed by the reference until something has had the kernels compiled; where bits matter, name the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from whygrad.engines import ENGINES, Compiled, Engine, Reference, engine
from whygrad.engines.compiled.place import kept
from whygrad.engines.compiled.waiting import KERNELS
from whygrad.errors import InputError
from whygrad.losses import Loss
from whygrad.network import Network
from whygrad.printing import counted
from whygrad.training import Training

# Seconds, the bounds that compiled kernels are held to: what they add to a start, what compiling them takes, and
# what compiling the one written out for a network does.
START, COMPILING, WRITTEN = 1.2, 20.0, 6.0
FEW = 100  # rows that never wait for a compiler, however many epochs

# Seconds of the reference engine: of an update, of each of its layers, of each parameter in it (Adam), of each
# parameter for each row of a batch; of a row that is looked at, of each parameter for it. Read off runs of seven
# networks of 9 to 1.9 million parameters with batches of 1, 32 and 256, and a run of 94,000 updates, on two busy
# cores with AVX-512. Another machine may differ by a factor of 2; that moves a choice only where both are good.
_UPDATE, _LAYER, _PARAMETER, _PARAMETER_ROW = 80e-6, 50e-6, 10e-9, 0.3e-9
_ROW, _ROW_PARAMETER = 0.05e-6, 0.15e-9


class Choice(NamedTuple):
    """An engine and, where it was chosen and not named, why; the notes are for the run to keep."""

    engine: Engine
    why: str = ""
    notes: tuple[str, ...] = ()


class Work(NamedTuple):
    """What there is to do."""

    rows: int
    words: str  # how many updates or rows
    seconds: float  # of the reference engine, about


def choose(
    name: str | Engine, net: Network, training: Training, rows: int, checked: int, weighted: bool = False
) -> Choice:
    """The engine named, or for "auto" the one for so many training and validation rows, `weighted` or alike.

    Raises `InputError` for an engine that is not known.
    """
    if name != "auto":
        return Choice(engine(name))
    work = run_work(net, training, rows, checked)
    return _fitting(net, training, work, lambda: Compiled().kernels(net, training, weighted))


def continued(name: str | Engine, before: str) -> str | Engine:
    """The engine named, or for "auto" the one a run had before, so that it goes on to the bit.

    Raises `InputError` where that is not one of whygrad's.
    """
    if name != "auto":
        return name
    if before not in ENGINES:
        raise InputError(f"engine: the run's is {before!r}, which is not whygrad's; give that, or 'reference'")
    return before


def looking(net: Network, loss: Loss, dtype: str, rows: int) -> Engine:
    """The engine to look at so many rows with."""
    training = Training(loss, dtype=dtype)  # type: ignore[arg-type]
    work = Work(rows, counted(rows, "row"), rows * _row_seconds(net))
    return _fitting(net, training, work, lambda: KERNELS).engine


def get_ready(chosen: Engine, dtype: str) -> None:
    """Has an engine's kernels compiled, so that nobody waits for them later without a word."""
    if isinstance(chosen, Compiled):
        chosen.get_ready(dtype)


def run_work(net: Network, training: Training, rows: int, checked: int) -> Work:
    """All the epochs of a training."""
    batch = max(1, min(training.batch_size(rows), rows))
    updates = -(-rows // batch)
    update = _UPDATE + _LAYER * len(net.layers) + net.n_parameters * (_PARAMETER + batch * _PARAMETER_ROW)
    seconds = training.epochs * (updates * update + (rows + checked) * _row_seconds(net))
    return Work(rows, counted(training.epochs * updates, "update"), seconds)


def pick(work: Work, own: str, wait: float) -> tuple[str, str]:
    """(engine, why) for that work, a formula of one's own if there is one, and the seconds of compiling."""
    if not _much(work):
        return Reference.name, work.words
    if own:
        return Reference.name, own
    if wait == 0:
        return Compiled.name, f"{work.words}; kernels from the cache"
    if work.seconds >= wait:
        return Compiled.name, f"{work.words}; kernels to be compiled"
    return Reference.name, f"{work.words}, about {work.seconds:.0f} s; compiling kernels may take longer"


def _much(work: Work) -> bool:
    """Whether compiled kernels could be worth their start; else their folder is not even looked for."""
    return work.rows > FEW and work.seconds >= 2 * START


def _row_seconds(net: Network) -> float:
    return _ROW + _ROW_PARAMETER * net.n_parameters


def _fitting(net: Network, training: Training, work: Work, kernels: Callable[[], Sequence[str]]) -> Choice:
    much = _much(work)
    own = _own(net, training) if much else ""
    wait = _wait(kernels(), training.dtype) if much and not own else 0.0
    name, why = pick(work, own, wait)
    return Choice(engine(name), why, (f"computed by the reference engine: {own}",) if own else ())


def _wait(kernels: Sequence[str], dtype: str) -> float:
    """Seconds that compiling what is not kept takes, at most."""
    lacking = {kernel for kernel in kernels if not kept(kernel, dtype)}
    return (COMPILING if lacking & set(KERNELS) else 0.0) + (WRITTEN if lacking - set(KERNELS) else 0.0)


def _own(net: Network, training: Training) -> str:
    """The formula that no kernel has, in words; empty where there is none."""
    try:
        Compiled().refuse(net, training)
    except InputError as problem:
        return str(problem).partition(", and")[0]
    return ""
