"""Heavy imports in one go, with Ctrl-C held back: a library that is half imported may crash the process."""

import contextlib
import importlib
import signal
from collections.abc import Iterator


def load(*modules: str) -> None:
    """Imports the modules; a signal that arrives meanwhile takes effect afterwards."""
    with _held():
        for module in ("jax", "equinox", *modules):
            importlib.import_module(module)


@contextlib.contextmanager
def _held() -> Iterator[None]:
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
