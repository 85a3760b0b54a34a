"""Ctrl-C and kill: held back while libraries are imported, and never lost.

A library that is half imported may crash the process; and an exception that a signal raises inside a finaliser or a
callback from C is swallowed there. So signals are written down, and long work asks for them between its steps.
"""

import contextlib
import importlib
import signal
from collections.abc import Callable, Iterator
from typing import Any

TERMINATED = 143
_came: list[int] = []


def stop(number: int, frame: Any) -> None:
    """The handler: writes the signal down and raises."""
    _came.append(number)
    heed()


def forget() -> None:
    """Before a command: no signal has come."""
    _came.clear()


def heed() -> None:
    """Raises for a signal that came, also when its own exception was swallowed."""
    if _came:
        raise KeyboardInterrupt if _came[0] == signal.SIGINT else SystemExit(TERMINATED)


def load(*modules: str) -> None:
    """Imports the modules; a signal that arrives meanwhile takes effect afterwards."""
    with _held(signal.SIGINT, signal.SIGTERM):
        for module in modules:
            importlib.import_module(module)


@contextlib.contextmanager
def handled(handler: Callable[[int, Any], None], *numbers: int) -> Iterator[None]:
    """Signals go to `handler` meanwhile; nothing changes outside the main thread, where Python handles none."""
    try:
        before = {number: signal.signal(number, handler) for number in numbers}
    except ValueError:
        yield
        return
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


@contextlib.contextmanager
def _held(*numbers: int) -> Iterator[None]:
    """Python's handlers put off. Blocking the signals would not do: other threads would still take them."""
    came: list[int] = []
    with handled(lambda number, frame: came.append(number), *numbers):
        yield
    for number in came:
        signal.raise_signal(number)
