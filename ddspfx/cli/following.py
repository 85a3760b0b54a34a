"""Whoever follows a fit at the keyboard: a bar on a terminal, plain lines in a log."""

import contextlib
import sys
from collections.abc import Iterator
from typing import Any

from ddspfx.cli.unbroken import heed
from ddspfx.fit.progress import Lines, Progress, in_words


class _Bar:
    """One line that moves: share done, loss, validation ESR, time left; sentences scroll above it."""

    def __init__(self, bar: Any) -> None:
        self._bar = bar
        self._task = bar.add_task("fitting", total=1.0, figures="")

    def say(self, text: str) -> None:
        self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def step(self, share: float, loss: float, esr: float, seconds_left: float) -> None:
        self._bar.update(self._task, completed=share, figures=in_words(loss, esr, seconds_left))


class _Heeding:
    """Passes on what is said, and stops where a signal has come."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def say(self, text: str) -> None:
        heed()
        self._progress.say(text)

    def step(self, share: float, loss: float, esr: float, seconds_left: float) -> None:
        heed()
        self._progress.step(share, loss, esr, seconds_left)


@contextlib.contextmanager
def following() -> Iterator[Progress]:
    """Progress on standard error, as suits it."""
    if not sys.stderr.isatty():
        yield _Heeding(Lines())
        return
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn
    from rich.progress import Progress as Live

    columns = (BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[figures]}"))
    with Live(*columns, console=Console(stderr=True), transient=True) as bar:
        yield _Heeding(_Bar(bar))
