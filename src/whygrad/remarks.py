"""What a user should know about an encoding, one line each."""

from __future__ import annotations

import numpy as np

from whygrad.encoding import Encoding, mean_and_std
from whygrad.table import Indices, Table, listed


def encoding_notes(table: Table, rows: Indices | None, encoding: Encoding) -> tuple[str, ...]:
    """What a user should know about an encoding: constant columns, unseen categories, unscaled ranges.

    Unscaled number inputs are warned of when the largest std is at least 100 times the smallest (constants
    aside) or an absolute value exceeds 100: one learning rate then cannot suit all their weights.
    """
    chosen = np.arange(len(table)) if rows is None else rows
    notes, sizes = [], {}
    for code, column in zip(encoding.inputs, table.inputs, strict=True):
        present = column.values[chosen][~column.missing()[chosen]]
        unseen = [word for word in code.categories if word not in code.seen]
        if present.min() == present.max():
            value = f"{present[0]:g}" if code.kind == "number" else repr(code.seen[0])
            notes.append(f"{code.name} is {value} in every training row: it explains nothing")
        elif code.kind == "number":
            sizes[code.name] = (mean_and_std(present)[1], float(np.abs(present).max()))
        if unseen and code.kind == "category":
            notes.append(f"{code.name}: no training row has {listed(unseen)}; encoded as all zeros")
    for code, column in zip(encoding.targets, table.targets, strict=True):
        unseen = [word for word in code.categories if word not in code.seen]
        if unseen:
            notes.append(f"{code.name}: no training row is of class {listed(unseen)}; it cannot be learned")
        if code.kind == "number" and np.ptp(column.values[chosen]) == 0:
            value = f"{column.values[chosen[0]]:g}"
            notes.append(f"{code.name} is {value} in every training row: there is nothing to learn")
    scaled = any(code.shift != 0 or code.scale != 1 for code in encoding.inputs)
    return tuple(notes) if scaled else (*notes, *_range_note(sizes))


def _range_note(sizes: dict[str, tuple[float, float]]) -> tuple[str, ...]:
    """A warning where unscaled inputs, name -> (std, largest absolute value), differ widely."""
    if not sizes:
        return ()
    large = max(sizes, key=lambda name: sizes[name][0])
    small = min(sizes, key=lambda name: sizes[name][0])
    if sizes[large][0] >= 100 * sizes[small][0]:
        what = f"{large} has std {sizes[large][0]:g} and {small} {sizes[small][0]:g}"
    else:
        high = [name for name, (_, most) in sizes.items() if most > 100]
        if not high:
            return ()
        what = f"values above 100 in {listed(high)}"
    return (f"inputs are not scaled ({what}): one learning rate cannot suit all weights; --scale standard",)
