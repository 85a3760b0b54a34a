"""What the command keeps between runs: compiled programs, and where recordings lie against each other.

All of it is in one folder of the user's, which may be deleted at any time. `DDSPFX_CACHE=0` keeps nothing, another
value names another folder. Only the command does this: `import ddspfx` leaves JAX's own cache as the user set it.
"""

import hashlib
import os
import platform
import re
import sys
import warnings
from pathlib import Path
from typing import Any

LARGEST = 256 * 2**20
"""Bytes; what was not used for longest goes first."""
_TROUBLE = re.compile(r"Error (?:reading|writing) persistent compilation cache entry for '([\w.-]+)'")


def begin() -> None:
    """Has JAX keep compiled programs, unless the user sees to that; bounds the folder.

    JAX reads its settings from the environment when it is imported, so a program that has imported it is left alone.
    """
    folder = kept()
    if folder is None or "jax" in sys.modules:
        return
    if _loads_safely():
        programs = folder / "programs" / _machine()
        programs.mkdir(parents=True, exist_ok=True)
        own = os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(programs)) == str(programs)
        os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
        if own:
            _heal(programs)
    prune(folder)


def kept() -> Path | None:
    """The folder; None where nothing is kept, or where it cannot be made or written: a cache must never stop a run."""
    asked = os.environ.get("DDSPFX_CACHE", "")
    if asked.lower() in ("0", "no", "off", "false"):
        return None
    try:
        folder = Path(asked).expanduser() if asked not in ("", "1") else _usual() / "ddspfx"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except (OSError, RuntimeError):
        return None
    return folder if os.access(folder, os.W_OK | os.X_OK) else None


def _usual() -> Path:
    """Where this system keeps what may be deleted."""
    named = os.environ.get("XDG_CACHE_HOME", "")
    if Path(named).is_absolute():
        return Path(named)
    if sys.platform == "darwin":
        return Path.home() / "Library/Caches"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData/Local")
    return Path.home() / ".cache"


def _loads_safely() -> bool:
    """Before jaxlib 0.10 programs of thousands of kernels overflow the stack when macOS loads them."""
    from importlib.metadata import version

    return sys.platform != "darwin" or tuple(map(int, version("jaxlib").split(".")[:2])) >= (0, 10)


def _machine() -> str:
    """A name for this kind of machine: a home folder may be shared by several, and programs are machine code.

    JAX's own key hashes what LLVM finds in the processor too; this does not depend on it.
    """
    features = platform.processor()
    listed = Path("/proc/cpuinfo")
    if listed.is_file():
        lines = listed.read_text(errors="replace").splitlines()
        features += "".join(sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))}))
    return f"{platform.machine()}-{hashlib.sha256(features.encode()).hexdigest()[:12]}"


def _heal(programs: Path) -> None:
    """A damaged entry, which JAX warns of and never writes anew, goes, and its program is compiled again.

    The warning names the program and not the entry, so all entries of that name go. A disk that is full is as
    little reason to warn: the program was compiled.
    """
    shown = warnings.showwarning

    def show(message: Any, *rest: Any, **named: Any) -> None:
        trouble = _TROUBLE.match(str(message))
        if trouble is None:
            return shown(message, *rest, **named)
        for entry in programs.glob(f"{trouble[1]}-*"):
            entry.unlink(missing_ok=True)

    warnings.showwarning = show


def prune(folder: Path, largest: int = LARGEST) -> None:
    """Deletes what was not used for longest until all files together have at most `largest` bytes."""
    files = []
    for path in folder.rglob("*"):
        try:
            found = path.stat()
        except OSError:  # another run deleted it
            continue
        if path.is_file():
            files.append((max(found.st_atime, found.st_mtime), found.st_size, path))
    size = sum(entry[1] for entry in files)
    for _, bytes_, path in sorted(files):
        if size <= largest:
            break
        try:
            path.unlink(missing_ok=True)
        except OSError:  # Windows: in use
            continue
        size -= bytes_
