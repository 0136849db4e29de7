"""What a user should know about an encoding, one line each."""

from __future__ import annotations

from whygrad.encoding import Encoding, number_range
from whygrad.table import Indices, Table, extremes, listed, row_numbers


def encoding_notes(table: Table, rows: Indices | None, encoding: Encoding) -> tuple[str, ...]:
    """What a user should know about an encoding: constant columns, unseen categories, unscaled ranges.

    Unscaled number inputs are warned of when the largest std is at least 100 times the smallest (constants
    aside) or an absolute value exceeds 100: one learning rate then cannot suit all their weights.
    """
    chosen = row_numbers(len(table)) if rows is None else rows
    scaled = any(code.shift != 0 or code.scale != 1 for code in encoding.inputs)
    notes, sizes = [], {}
    for code, column in zip(encoding.inputs, table.inputs, strict=True):
        unseen = [word for word in code.categories if word not in code.seen]
        constant = repr(code.seen[0]) if len(code.seen) == 1 else None
        ends = extremes(column, chosen) if code.kind == "number" else None
        if ends is not None and ends[0] == ends[1]:
            constant = f"{ends[0]:g}"
        elif ends is not None and not scaled:
            sizes[code.name] = (number_range(column, chosen).unit, max(map(abs, ends)))
        if constant is not None:
            notes.append(f"{code.name} is {constant} in every training row: it explains nothing")
        if unseen and code.kind == "category":
            notes.append(f"{code.name}: no training row has {listed(unseen)}; encoded as all zeros")
    for code, column in zip(encoding.targets, table.targets, strict=True):
        unseen = [word for word in code.categories if word not in code.seen]
        if unseen:
            notes.append(f"{code.name}: no training row is of class {listed(unseen)}; it cannot be learned")
        ends = extremes(column, chosen) if code.kind == "number" else None
        if ends is not None and ends[0] == ends[1]:
            notes.append(f"{code.name} is {ends[0]:g} in every training row: there is nothing to learn")
    return (*notes, *_range_note(sizes))


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
