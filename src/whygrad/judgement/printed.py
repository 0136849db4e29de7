"""What somebody's code prints: caught and bounded, and the losses read off it."""

from __future__ import annotations

import io
import re
from collections.abc import Callable


class Caught(io.TextIOBase):
    """A text stream that keeps the first `most` characters and lets the rest go.

    `send` gets each part that is kept, as soon as a line ends.
    """

    def __init__(self, most: int, send: Callable[[str], None] = lambda text: None) -> None:
        self.most, self.send = most, send
        self.kept: list[str] = []
        self.length = 0  # of everything printed
        self._waiting: list[str] = []

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, text: str) -> int:
        """Takes the text; all of it counts as written."""
        room = self.most - self.length
        self.length += len(text)
        if room > 0:
            self.kept.append(text[:room])
            self._waiting.append(text[:room])
            if "\n" in text or room <= len(text):
                self.flush()
        return len(text)

    def flush(self) -> None:
        """Sends what waits for the end of its line."""
        if self._waiting:
            self.send("".join(self._waiting))
            self._waiting.clear()

    @property
    def text(self) -> str:
        """What was kept."""
        return "".join(self.kept)

    @property
    def flooded(self) -> bool:
        """Whether there was more."""
        return self.length > self.most


_NUMBER = r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|nan|inf)"
_WORD = r"(?:loss|cost|error|mse|bce|cross[ _-]?entropy)"
_NAMED = re.compile(rf"{_WORD}\w*(?:\s+is)?[\s:=>()\[\]-]*?(?<![\d.]){_NUMBER}(?!\w)", re.IGNORECASE)
_COUNTED = re.compile(rf"\b(?:{_WORD}|epoch|iteration|step)", re.IGNORECASE)


def printed_losses(text: str) -> tuple[float, ...]:
    """The losses that a loop printed, one a line or one list of them.

    A number that follows a word like loss or cost is one ("Epoch -  1 Loss -  26.34", "loss: 0.5, accuracy: 0.8");
    where no line has that, the last number of each line that counts epochs or names a loss ("Cost after iteration
    0: 0.69"); where no line has that either, lines that are a number alone.
    """
    lines = re.sub(r"(?:np\.)?(?:float\d+|tensor|array)\(([^()]*)\)", r"\1", text).splitlines()
    listed = [line for line in lines if re.fullmatch(rf"\D*\[\s*{_NUMBER}(?:[\s,]+{_NUMBER})+\s*\]", line.strip())]
    if len(listed) == 1:
        return _floats(re.findall(_NUMBER, listed[0].partition("[")[2]))
    named = [found.group(1) for line in lines if (found := _NAMED.search(line))]
    if named:
        return _floats(named)
    counted = [last for line in lines if _COUNTED.search(line) and (last := _last(line))]
    if counted:
        return _floats(counted)
    return _floats([line.strip() for line in lines if re.fullmatch(_NUMBER, line.strip())])


def _last(line: str) -> str:
    """The last number of a line that has another before it, unless it is a whole, as in 9129 / 10000."""
    found = list(re.finditer(_NUMBER, line))
    if len(found) < 2 or "/" in line[found[-2].end() : found[-1].start()]:
        return ""
    return found[-1].group()


def _floats(found: list[str]) -> tuple[float, ...]:
    return tuple(float(number) for number in found)
