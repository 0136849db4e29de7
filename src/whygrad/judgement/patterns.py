"""What can be said of wrong numbers that no slip explains: where they begin, constant ratios, transposes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from whygrad.judgement.cases import Aspect, Block, Case, names
from whygrad.judgement.machine import Step
from whygrad.maths import Array
from whygrad.printing import counted
from whygrad.table import listed
from whygrad.weights import views


def known(cases: tuple[Case, ...], right: list[Step], aspect: Aspect) -> tuple[str, ...]:
    """Facts about the wrong numbers of an aspect, a sentence each; no guess is among them."""
    seen = [(case, step) for case, step in zip(cases, right, strict=True) if aspect in case.theirs]
    blocks = [block for case, _ in seen[:1] for block in case.blocks if block.aspect == aspect]
    wrong = [b for b in blocks if any(not case.agrees(step, b) for case, step in seen)]
    facts = []
    if not wrong:
        return ()
    if len(blocks) > 1:
        fine = [b.name for b in blocks if b not in wrong]
        facts.append(f"right: {listed(fine) if fine else 'nothing'}; wrong: {listed(b.name for b in wrong)}")
        facts.append(f"coming from the output, the first wrong place is layer {wrong[0].layer} ({wrong[0].name})")
    for block in wrong:
        facts.extend(_of_block(seen, block))
    return tuple(facts)


def _of_block(seen: list[tuple[Case, Step]], block: Block) -> Iterator[str]:
    pairs = [_moves(case, step, block) for case, step in seen]  # (theirs, ours) of each case
    if not all(np.isfinite(theirs).all() for theirs, _ in pairs):
        yield f"{block.name} has numbers that are not finite"
        return
    did = "does not move" if block.aspect == "stepped" else "is 0 everywhere"
    if all((theirs == 0).all() for theirs, _ in pairs):
        yield f"{block.name} {did}"
        return
    ratios = [_constant_ratio(theirs, ours) for theirs, ours in pairs]
    if all(r is not None for r in ratios):
        yield from _ratios(block, [r for r in ratios if r is not None], seen)
        return
    pattern = next((text for text, make in _PATTERNS if _holds(seen, pairs, block, make)), None)
    if pattern:
        yield f"{block.name} is {pattern}"
        return
    case, step = seen[0]
    off = np.flatnonzero(case.wrong(step, block.aspect, block.part))
    theirs, ours = pairs[0]
    if 0 < len(off) <= max(1, len(theirs) // 2) < len(theirs):
        called = names(case, block.aspect)[block.part]
        shown = [f"{called[k]} (times {theirs[k] / ours[k]:.6g})" if ours[k] else called[k] for k in off]
        yield f"of {block.name}, only {listed(shown)} {'is' if len(off) == 1 else 'are'} wrong"


def _moves(case: Case, step: Step, block: Block) -> tuple[Array, Array]:
    """(theirs, ours) of a block; of parameters, how far they moved."""
    start = case.probe.w[block.part] if block.aspect == "stepped" else 0.0
    return case.theirs[block.aspect][block.part] - start, case.ours(step, block.aspect)[block.part] - start


def _constant_ratio(theirs: Array, ours: Array) -> float | None:
    """The factor between them, where it is one for all entries to four digits."""
    there = np.abs(ours) > 1e-9 * np.abs(ours).max(initial=0.0)
    if not there.any():
        return None
    ratio = float(np.median(theirs[there] / ours[there]))
    return ratio if (np.abs(theirs - ratio * ours) <= 1e-4 * np.abs(ratio * ours).max()).all() else None


def _ratios(block: Block, ratios: list[float], seen: list[tuple[Case, Step]]) -> Iterator[str]:
    if np.ptp(ratios) <= 1e-4 * np.abs(ratios).max():
        yield f"all of {block.name} is {ratios[0]:.6g} times what it should be"
        return
    by_rows = {len(case.probe.rows): ratio for ratio, (case, _) in zip(ratios, seen, strict=True)}
    each = [by_rows[len(case.probe.rows)] for case, _ in seen]
    if len(by_rows) > 1 and np.allclose(ratios, each, rtol=1e-4):
        shown = [f"{ratio:.6g} times with {counted(rows, 'row')}" for rows, ratio in sorted(by_rows.items())]
        yield f"all of {block.name} is off by a factor that depends on the number of rows: {listed(shown)}"


def _turned(case: Case, block: Block, ours: Array) -> Array | None:
    W = views(case.probe.net, case.probe.w)[block.layer - 1].W
    return ours.reshape(W.shape).T.reshape(-1) if ours.size == W.size and "W" in block.name else None


# (words, what it would be); None where it cannot be
_PATTERNS = (
    ("its transpose", _turned),
    ("in the reverse order", lambda case, block, ours: ours[::-1]),
    ("what it should be without its sign", lambda case, block, ours: np.abs(ours)),
)


def _holds(seen, pairs, block, make) -> bool:  # type: ignore[no-untyped-def]
    for (case, _), (theirs, ours) in zip(seen, pairs, strict=True):
        made = make(case, block, ours)
        if made is None or not (np.abs(theirs - made) <= 1e-4 * np.abs(ours).max()).all():
            return False
    return True
