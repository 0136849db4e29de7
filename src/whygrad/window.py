"""Rows in the order of an epoch, fetched from disk a window at a time where they lie there."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from whygrad.scratch import on_disk
from whygrad.table import Indices, Rows

BYTES = 1 << 25  # of rows in memory: enough that one fetch finds several rows in what the system reads at once


class Window:
    """What a loop takes its chunks from; rows in memory are left where they are."""

    def __init__(self, rows: Rows) -> None:
        self._all = self._held = rows
        self._disk = on_disk(rows.x)
        self.order: Indices = np.empty(0, np.int64)
        self._start, self._places = 0, np.empty(0, np.int64)

    def turn(self, order: Callable[[], Indices]) -> None:
        """Begins an epoch in that order, made when the last one's is gone."""
        self.order = self._places = np.empty(0, np.int64)
        self.order = order()

    def take(self, start: int, stop: int) -> tuple[Rows, Indices]:
        """(rows, numbers into them): those that the epoch meets from `start` to `stop`."""
        if not self._disk:
            return self._all, self.order[start:stop]
        if not (self._start <= start and stop <= self._start + len(self._places)):
            self._fetch(start, stop - start)
        return self._held, self._places[start - self._start : stop - self._start]

    def _fetch(self, start: int, chunk: int) -> None:
        """As many whole chunks as there is room for, read from the front of the file to its end."""
        one = self._all.take(slice(0, 1))
        row = one.x.nbytes + one.y.nbytes + (0 if one.weights is None else one.weights.nbytes)
        wanted = self.order[start : start + chunk * max(1, BYTES // (chunk * row))]
        by_place = np.argsort(wanted, kind="stable")
        self._start, self._places = start, np.empty(len(wanted), np.int64)
        self._places[by_place] = np.arange(len(wanted))
        self._held = self._all.take(wanted[by_place])
