"""Rows in the order of an epoch, fetched from disk a window at a time where they lie there."""

from __future__ import annotations

import numpy as np

from whygrad.scratch import on_disk
from whygrad.table import Indices, Rows

BYTES = 1 << 25  # of rows in memory: enough that one fetch finds several rows in what the system reads at once


class Window:
    """What a loop takes its chunks from; rows in memory are left where they are."""

    def __init__(self, rows: Rows) -> None:
        self._all = self._held = rows
        self._disk = on_disk(rows.x)
        self._order: Indices | None = None
        self._start, self._places = 0, np.empty(0, np.int64)

    def take(self, order: Indices, start: int, stop: int) -> tuple[Rows, Indices]:
        """(rows, numbers into them): those that an epoch of that order meets from `start` to `stop`."""
        if not self._disk:
            return self._all, order[start:stop]
        fetched = order is self._order and self._start <= start and stop <= self._start + len(self._places)
        if not fetched:
            self._fetch(order, start, stop - start)
        return self._held, self._places[start - self._start : stop - self._start]

    def _fetch(self, order: Indices, start: int, chunk: int) -> None:
        """As many whole chunks as there is room for, read from the front of the file to its end."""
        one = self._all.take(slice(0, 1))
        row = one.x.nbytes + one.y.nbytes + (0 if one.weights is None else one.weights.nbytes)
        wanted = order[start : start + chunk * max(1, BYTES // (chunk * row))]
        by_place = np.argsort(wanted, kind="stable")
        self._order, self._start, self._places = order, start, np.empty(len(wanted), np.int64)
        self._places[by_place] = np.arange(len(wanted))
        self._held = self._all.take(wanted[by_place])
