"""Builds the native kernels: one shared library for each kind of processor, next to this file.

    python -m ddspfx.signal.native.build

The package does it on installation where there is a compiler; without one everything runs on the pure kernels.
"""

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).parent
LEVELS = ("x86-64-v4", "x86-64-v3") if platform.machine() == "x86_64" else ("",)
"""What `-march` is given, best first; elsewhere what the compiler takes by itself. Older x86 runs the pure kernels."""
FLAGS = ("-std=c++17", "-O3", "-fPIC", "-fvisibility=hidden", "-fno-math-errno", "-fno-trapping-math", "-Wno-psabi")


def headers() -> Path | None:
    """The folder of XLA's C interface, which comes with jaxlib; None without jaxlib."""
    found = importlib.util.find_spec("jaxlib")
    folder = Path(found.origin).parent / "include" if found and found.origin else None
    return folder if folder and (folder / "xla/ffi/api/c_api.h").exists() else None


def compiler() -> str | None:
    """The C++ compiler: `$CXX`, or the first of c++, g++ and clang++ on the path."""
    names = (os.environ.get("CXX"), "c++", "g++", "clang++")
    return next((path for name in names if name and (path := shutil.which(name))), None)


def library(level: str) -> Path:
    """Where the library of a level lies."""
    return HERE / f"kernels{'_' + level.replace('-', '_') if level else ''}.so"


def build(level: str, cxx: str, include: Path) -> Path:
    """Compiles all kernels for one level into its library; raises CalledProcessError with the compiler's words."""
    target = library(level)
    fresh = target.with_suffix(f".{os.getpid()}.tmp")
    march = [f"-march={level}"] if level else []
    sources = sorted(map(str, HERE.glob("*.cc")))
    try:
        words = [cxx, *FLAGS, *march, "-shared", f"-I{include}", *sources, "-o", str(fresh)]
        subprocess.run(words, check=True, capture_output=True, text=True)
        fresh.replace(target)
    finally:
        fresh.unlink(missing_ok=True)
    return target


def build_all() -> list[Path]:
    """Builds every level; [] and one line on stderr where that cannot be done."""
    include, cxx = headers(), compiler()
    if include is None or cxx is None:
        missing = "jaxlib's headers" if include is None else "C++ compiler"
        print(f"ddspfx: no {missing}, so the pure JAX kernels will run", file=sys.stderr)
        return []
    try:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return list(pool.map(lambda level: build(level, cxx, include), LEVELS))
    except subprocess.CalledProcessError as failure:
        print(f"ddspfx: {cxx} failed, so the pure JAX kernels will run:\n{failure.stderr}", file=sys.stderr)
        return []


if __name__ == "__main__":
    sys.exit(not build_all())
