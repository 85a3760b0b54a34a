"""A trajectory on disk: CSV for people and other programs, safetensors for an exact copy."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Float

HEADER = ("seconds", "delay_seconds", "deviation_seconds")
FORMAT = "ddspfx trajectory 1"
Row: TypeAlias = Float[np.ndarray, " rows"]


def _written(path: Path, write: Callable[[Path], None]) -> None:
    """Writes beside the file and renames, so that nobody ever finds half of it."""
    beside = path.with_name(f".{path.name}.part")
    try:
        write(beside)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def write_csv(path: Path, times: Row, delays: Row, spread: Row | None) -> None:
    """Writes `seconds,delay_seconds[,deviation_seconds]` to the femtosecond."""
    columns = [times, delays] + ([] if spread is None else [spread])

    def write(beside: Path) -> None:
        header = ",".join(HEADER[: len(columns)])
        np.savetxt(beside, np.stack(columns, axis=1), "%.15f", ",", header=header, comments="")

    _written(path, write)


def read_csv(path: Path) -> tuple[Row, Row, Row | None]:
    """Times, total delays and their standard deviation or None. Raises ValueError, one line, naming the row."""
    try:
        rows = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not text, but must be a CSV with the header {','.join(HEADER[:2])}") from None
    header = tuple(cell.strip() for cell in rows[0]) if rows else ()
    if header not in (HEADER, HEADER[:2]):
        raise ValueError(f"{path} starts with {','.join(header)[:60]!r}, but its header must be {','.join(HEADER[:2])}")
    table = np.array([_numbers(path, line, row, len(header)) for line, row in enumerate(rows[1:], 2) if row])
    if len(table) < 2 or not np.all(np.diff(table[:, 0]) > 0):
        raise ValueError(f"{path} has {len(table)} rows, but must have at least 2, with seconds that grow")
    return table[:, 0], table[:, 1], table[:, 2] if len(header) == 3 else None


def _numbers(path: Path, line: int, row: list[str], columns: int) -> list[float]:
    try:
        numbers = [float(cell) for cell in row]
    except ValueError:
        numbers = []
    if len(numbers) != columns or not np.isfinite(numbers).all():
        raise ValueError(f"{path}, line {line}: {','.join(row)[:60]!r}, but must be {columns} finite numbers")
    return numbers


def write_tensors(
    path: Path, base: Any, knots: Any, spread: Any, sample_rate: int, rate: int, drift: float, jumps: Any
) -> None:
    """Writes base, knots and spread with the rates, what drifts and jumps, and the format's name as metadata."""
    from safetensors.numpy import save_file

    tensors = {"base": np.asarray(base), "knots": np.asarray(knots)}
    if spread is not None:
        tensors["spread"] = np.asarray(spread)
    metadata = {"format": FORMAT, "sample_rate": str(sample_rate), "rate": str(rate)}
    metadata |= {"drift": repr(drift), "jumps": json.dumps(jumps)} if drift or jumps else {}
    _written(path, lambda beside: save_file(tensors, beside, metadata))


def read_tensors(path: Path) -> tuple[Any, Any, int, int, Any, float, Any]:
    """Base, knots, both rates, spread or None, drift and jumps. Raises ValueError, one line, for any other file."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"{path} is not a safetensors file: {error}".splitlines()[0]) from None
    if metadata.get("format") != FORMAT or not {"base", "knots"} <= set(tensors):
        raise ValueError(f"{path} says it is {metadata.get('format')!r}, but must be {FORMAT!r}")
    try:
        rates = int(metadata["sample_rate"]), int(metadata["rate"])
    except (KeyError, ValueError):
        raise ValueError(f"{path} does not say its sample_rate and rate as whole numbers") from None
    steady = float(metadata.get("drift", 0.0)), json.loads(metadata.get("jumps", "[]"))
    return tensors["base"], tensors["knots"], *rates, tensors.get("spread"), *steady
