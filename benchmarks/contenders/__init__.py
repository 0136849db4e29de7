"""Who is timed: whygrad, as an engine and as its user calls it, and its rivals. One file each.

A file has `prepare(task, option)`, which puts the data in place and returns `run()`. Every `run()` trains from the
start, `task.epochs` times over the task's rows in their order, and returns the parameters it ended with (P,), as
whygrad lays them out; for a workload that predicts, the outputs (rows, n_out). The first `run()` may compile.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from benchmarks import cores, installed
from benchmarks.workloads import Task, Workload
from whygrad.maths import Array

SPREAD = 1e6  # floating-point operations an update from which several threads are tried
Run = Callable[[], Array]
Prepare = Callable[[Task, int], Run]


@dataclass(frozen=True)
class Contender:
    """One of them: its name on the command line and in print, the file it is in, the packages it needs.

    `threads`: whether the number of threads is to be chosen, by trying one and all cores. `patience`: seconds
    after which it is given up while it is made ready. `only` names workloads, all if none. `alike`: whether its
    update is whygrad's to rounding; others have Adam's epsilon elsewhere.
    """

    name: str
    label: str
    needs: tuple[str, ...]
    threads: bool = False
    rival: bool = True
    variables: tuple[tuple[str, str], ...] = ()
    patience: float = 120.0
    only: tuple[str, ...] = ()
    alike: bool = True

    @property
    def missing(self) -> list[str]:
        """The packages it needs that are not installed."""
        return [package for package in self.needs if not installed(package)]

    def options(self, workload: Workload) -> tuple[int, ...]:
        """Numbers of threads to try: one, and all where there is enough to do; 0 leaves it to the library."""
        if not self.threads:
            return (0,)
        spread = workload.flops_a_row * workload.batch >= SPREAD
        return tuple(dict.fromkeys((1, cores() if spread else 1)))

    @property
    def prepare(self) -> Prepare:
        """What its file has; imports the library."""
        found: Prepare = import_module(f"benchmarks.contenders.{self.name.replace('-', '_')}").prepare
        return found

    def takes(self, workload: Workload) -> bool:
        """Whether it is meant for that workload."""
        return not self.only or workload.name in self.only


_CPU = (("JAX_PLATFORMS", "cpu"),)
_ALONE = (("TORCHINDUCTOR_COMPILE_THREADS", "1"),)  # no processes of its own that would outlive it
_ON_JAX = (*_CPU, ("KERAS_BACKEND", "jax"))

CONTENDERS = {
    one.name: one
    for one in (
        Contender("whygrad", "whygrad, its engine", ("whygrad",), rival=False, patience=300.0),
        Contender("whygrad-fit", "whygrad, `fit`", ("whygrad",), rival=False, patience=300.0,
                  only=("students", "small", "houses")),
        Contender("sklearn", "scikit-learn", ("scikit-learn",), threads=True, alike=False),
        Contender("keras", "Keras `fit` (on JAX)", ("keras", "jax"), variables=_ON_JAX, alike=False),
        Contender("torch", "PyTorch, eager", ("torch",), threads=True),
        Contender("torch-compile", "PyTorch, `torch.compile`", ("torch",), threads=True, variables=_ALONE,
                  patience=25.0),
        Contender("jax", "JAX, jitted step", ("jax",), variables=_CPU),
        Contender("jax-scan", "JAX, an epoch in a scan", ("jax",), variables=_CPU),
    )
}  # fmt: skip
