"""What a fit says while it works."""

import math
import sys
import time
from typing import Protocol


class Progress(Protocol):
    """Whoever wants to follow a fit."""

    def say(self, text: str) -> None:
        """A sentence worth keeping."""

    def step(self, share: float, loss: float, esr: float, seconds_left: float) -> None:
        """How far the work is (0 to 1), the last loss, the best validation ESR, and the time left."""


class Silent:
    """Follows nothing."""

    def say(self, text: str) -> None:
        """Nothing."""

    def step(self, share: float, loss: float, esr: float, seconds_left: float) -> None:
        """Nothing."""


class Lines:
    """Sentences to standard error, and at most one line of progress every two seconds."""

    def __init__(self) -> None:
        self._last = 0.0

    def say(self, text: str) -> None:
        """Prints the sentence."""
        print(text, file=sys.stderr, flush=True)

    def step(self, share: float, loss: float, esr: float, seconds_left: float) -> None:
        """Prints the line when two seconds have passed."""
        now = time.monotonic()
        if now - self._last >= 2 or share >= 1:
            self._last = now
            print(f"{100 * share:3.0f} %  {in_words(loss, esr, seconds_left)}", file=sys.stderr, flush=True)


def in_words(loss: float, esr: float, seconds_left: float) -> str:
    """The figures of a step, without those that are not known (NaN)."""
    figures = ((loss, "loss {:.4f}"), (esr, "validation ESR {:.4f}"), (seconds_left, "{:4.0f} s left"))
    return "  ".join(form.format(value) for value, form in figures if not math.isnan(value))
