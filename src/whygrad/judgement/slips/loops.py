"""Slips of the loop: which rows, when the gradient starts anew, which forward values, which losses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from whygrad.judgement.slips.slip import Slip, on_loop
from whygrad.network import Network
from whygrad.training import Training


def loop_slips(net: Network, training: Training) -> Iterator[Slip]:
    """Every slip of the loop."""
    several = training.batch != "all"
    if several:
        yield _loop("order-reversed", "the rows come in the reverse order", "order", order="reversed")
        yield _loop("order-first", "every update takes the first rows", "order", order="first")
        yield _loop("batch-all", "there is one update an epoch, from all rows", "batch", batch="all")
        yield _loop("reset-epoch", "the gradient is set back to 0 only once an epoch", "reset", reset="epoch")
        yield _loop(
            "stale-epoch", "the forward pass of an epoch uses the parameters of its start", "stale", stale="epoch"
        )
    if training.batch != 1:
        yield _loop("batch-one", "there is an update after every row", "batch", batch="one")
    if several and training.batch != 1:
        yield _loop("last-dropped", "the last, smaller batch is left out", "last batch", last="dropped")
        yield _loop(
            "last-carried", "the last rows are carried over into the next epoch", "last batch", last="carried"
        )
    yield _loop("reset-never", "the gradient is never set back to 0", "reset", reset="never")
    yield _loop(
        "stale-step", "the backward pass reads the forward values of the step before", "stale", stale="step"
    )
    if several and training.batch != 1:
        yield _loop("reset-epoch-sums", "the sum over the rows is set back to 0 only once an epoch", "reset",
                    reset="epoch", adds="sums")  # fmt: skip
        yield _loop("reset-never-sums", "the sum over the rows is never set back to 0", "reset",
                    reset="never", adds="sums")  # fmt: skip
    if training.optimizer.memories:
        yield _loop("memory-epoch", "the optimizer starts anew in every epoch", "memory", memory="epoch")
    yield _loop("start-epoch", "the parameters start anew in every epoch", "start", start="epoch")
    yield _loop("losses-pooled", "the list of losses is not emptied between epochs", "losses", losses="pooled")
    yield _loop(
        "losses-summed", "the total of the losses is not set back to 0 between epochs", "losses", losses="summed"
    )


# part -> (the right line, the hint)
_LINES = {
    "order": ("rows 1, 2, 3 ... in the order that was said", "which row is taken in which update?"),
    "batch": ("one update for each batch", "how many updates does an epoch have?"),
    "reset": ("g = 0 before each step", "what is left of the gradient when the next step begins?"),
    "stale": ("forward, backward, update, for each batch", "in which order are the passes made?"),
    "last batch": ("every row once an epoch", "does every row enter every epoch once?"),
    "memory": ("the memories go on from epoch to epoch", "where is the optimizer made?"),
    "start": ("the parameters start once", "where are the parameters initialized?"),
    "losses": ("losses = [] at the start of an epoch", "which losses enter the number that is printed?"),
}


def _loop(key: str, title: str, part: str, **policy: Any) -> Slip:
    right, hint = _LINES[part]
    return Slip(key, title, "loop", part, None, title, right, hint, on_loop(**policy))
