"""Heavy imports in one go, with Ctrl-C held back: a library that is half imported may crash the process."""

import contextlib
import importlib
import signal
from collections.abc import Iterator
from typing import Any


def load(*modules: str) -> None:
    """Imports the modules; a signal that arrives meanwhile takes effect afterwards."""
    with _held(signal.SIGINT, signal.SIGTERM):
        for module in modules:
            importlib.import_module(module)


@contextlib.contextmanager
def _held(*numbers: int) -> Iterator[None]:
    """Python's handlers put off. Blocking the signals would not do: other threads would still take them."""
    came: list[int] = []

    def keep(number: int, frame: Any) -> None:
        came.append(number)

    try:
        before = {number: signal.signal(number, keep) for number in numbers}
    except ValueError:  # not the main thread, where Python handles no signals
        yield
        return
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    for number in came:
        signal.raise_signal(number)
