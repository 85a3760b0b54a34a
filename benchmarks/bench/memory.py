"""How much memory a piece of work takes beyond what lies there already."""

import ctypes
import gc
import resource
import sys
from collections.abc import Callable
from pathlib import Path

_RESET, _STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")


def peak(work: Callable[[], object]) -> int:
    """Bytes at the highest point of one run above what was resident before; the result counts, inputs do not.

    On Linux the kernel's high-water mark is set back first; elsewhere it only grows, so this is a lower bound.
    """
    gc.collect()
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).malloc_trim(0)
    before = _reset()
    kept = work()
    after = _highest()
    del kept
    return max(0, after - before)


def _reset() -> int:
    """Resident bytes now, with the high-water mark set back to them where that is allowed."""
    try:
        _RESET.write_text("5")
    except OSError:
        return _highest()
    return _field("VmRSS")


def _highest() -> int:
    if _STATUS.is_file():
        return _field("VmHWM")
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _field(name: str) -> int:
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith(f"{name}:"))
    return 1024 * int(line.split()[1])
