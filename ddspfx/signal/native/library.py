"""The native kernels: found, loaded and registered with XLA on their first use, and never needed.

Every kernel has a pure JAX version of the same values behind the same signature. `choose` takes the native one
where its library was built (see `build`), the processor runs it and the arrays are on the CPU. The environment
variable DDSPFX_NATIVE=0 turns all of them off.
"""

import contextlib
import contextvars
import ctypes
import functools
import os
from collections.abc import Callable, Iterator
from typing import Any

import jax

from ddspfx.signal.native.build import LEVELS, library

_allowed = contextvars.ContextVar("ddspfx_native", default=True)


@functools.cache
def loaded() -> ctypes.CDLL | None:
    """The best library that this processor runs; None where there is none or DDSPFX_NATIVE is 0."""
    if os.environ.get("DDSPFX_NATIVE") == "0":
        return None
    for path in filter(os.path.exists, map(library, LEVELS)):
        with contextlib.suppress(OSError):
            found = ctypes.CDLL(str(path))
            if found.ddspfx_runs_here():
                found.ddspfx_keep_memory()
                return found
    return None


@functools.cache
def register(target: str) -> str:
    """Makes a kernel of the library known to XLA, once; its name there."""
    name = f"ddspfx_{target}"
    jax.ffi.register_ffi_target(name, jax.ffi.pycapsule(getattr(loaded(), name)), platform="cpu")
    return name


def available() -> bool:
    """Whether native kernels run here and now."""
    return _allowed.get() and loaded() is not None


@contextlib.contextmanager
def pure() -> Iterator[None]:
    """Functions traced inside use the pure kernels alone: for tests and comparisons."""
    token = _allowed.set(False)
    try:
        yield
    finally:
        _allowed.reset(token)


@functools.cache
def _only_cpu() -> bool:
    return {device.platform for device in jax.devices()} == {"cpu"}


def choose(native: Callable[..., Any], plain: Callable[..., Any], *arrays: Any) -> Any:
    """`native(*arrays)` on the CPU where the library stands, else `plain(*arrays)`: the same values either way."""
    if not available():
        return plain(*arrays)
    if _only_cpu():
        return native(*arrays)
    return jax.lax.platform_dependent(*arrays, cpu=native, default=plain)
