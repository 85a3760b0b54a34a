"""Results on disk: whole or not at all."""

import datetime
import json
import os
import platform
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.bench.case import Row
from benchmarks.bench.limit import Machine

PACKAGES = (
    "jax", "jaxlib", "numpy", "scipy", "equinox", "torch", "torchlpc", "philtorch", "torchcomp", "auraloss",
    "dasp-pytorch", "numba",
)  # fmt: skip


def write(path: Path, text: str) -> None:
    """The file, by way of a temporary one beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    write(path, json.dumps(rows, indent=1, allow_nan=True) + "\n")


def read_rows(path: Path) -> list[Row]:
    """The rows of an earlier run. Raises ValueError when the file holds something else."""
    rows = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(rows, list) or not all(isinstance(row, dict) and "kernel" in row for row in rows):
        raise ValueError(f"{path} holds no rows of a benchmark: give a JSON file that `python -m benchmarks` wrote")
    return rows


def about(machine: Machine, core: int | None, empty: float) -> Row:
    """Machine, versions, date and command: every row says them."""
    return {
        "date": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        "command": " ".join(["python -m benchmarks", *sys.argv[1:]]),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "pinned_to": core,
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "versions": {name: _version(name) for name in PACKAGES},
        "copy_gb_s": machine.bandwidth / 1e9,
        "product_gflop_s": machine.rate / 1e9,
        "empty_call_us": 1e6 * empty,
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    """The processor's name where Linux tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
