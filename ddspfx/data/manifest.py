"""A manifest: many pairs and their controls in one CSV file."""

import csv
from pathlib import Path
from typing import NamedTuple

from ddspfx.audio import Pathlike
from ddspfx.data.pair import Pair

_FILES = ("dry", "wet")


def read_manifest(path: Pathlike, sample_rate: int | None = None) -> list[Pair]:
    """The pairs that a manifest names, all at `sample_rate` Hz when given; see `listed`.

    Raises OSError when a file cannot be opened, ValueError with the line and column of what is wrong.
    """
    pairs = []
    for line in listed(path):
        try:
            pairs.append(Pair.read(line.dry, line.wet, line.controls, sample_rate))
        except (OSError, ValueError) as error:
            raise type(error)(f"{path}, line {line.number}: {error}") from error
    return pairs


class Line(NamedTuple):
    """A pair by its files, not yet read, its knobs, and the line of the manifest that names it."""

    dry: Path
    wet: Path
    controls: dict[str, float | str]
    number: int


def listed(path: Pathlike) -> list[Line]:
    """The lines of a CSV file with the header `dry,wet[,control...]`.

    Paths are relative to the manifest. A control column of numbers gives floats, any other column words (a switch).
    Raises OSError when the manifest cannot be opened, ValueError with the line and column of what is wrong.
    """
    path = Path(path)
    header, lines = _rows(path)
    controls = [_column(name, header.index(name), lines, path) for name in header if name not in _FILES]
    rows = []
    for index, (number, line) in enumerate(lines):
        dry, wet = (path.parent / _file(line[header.index(name)], name, number, path) for name in _FILES)
        rows.append(Line(dry, wet, {name: values[index] for name, values in controls}, number))
    return rows


def _rows(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The header, and each line with its number; blank lines are passed over."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist or is a folder: name the manifest, a CSV file")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if any(map(str.strip, row))]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path} is no CSV text ({error}): save it as UTF-8 CSV") from None
    if not rows or any(name not in rows[0][1] for name in _FILES):
        raise ValueError(f"{path}, line 1: the header must name the columns dry and wet: write dry,wet,drive")
    header, lines = rows[0][1], rows[1:]
    if len(set(header)) != len(header) or "" in header:
        raise ValueError(f"{path}, line 1: the header {','.join(header)} has an empty or doubled name: rename it")
    for number, line in lines:
        if len(line) != len(header):
            raise ValueError(f"{path}, line {number}: {len(line)} columns, but the header names {len(header)}")
    if not lines:
        raise ValueError(f"{path} names no pairs: add a line below the header")
    return header, lines


def _column(name: str, place: int, lines: list[tuple[int, list[str]]], path: Path) -> tuple[str, list[float | str]]:
    cells = [line[place] for _, line in lines]
    for (number, _), cell in zip(lines, cells, strict=True):
        if not cell:
            raise ValueError(f"{path}, line {number}, column {name}: is empty, but must hold a number or a word")
    numbers = [_number(cell) for cell in cells]
    whole = [value for value in numbers if value is not None]
    if not whole:
        return name, list(cells)
    for (number, _), cell, value in zip(lines, cells, numbers, strict=True):
        if value is None:
            raise ValueError(f"{path}, line {number}, column {name}: {cell!r} is a word in a column of numbers")
    return name, list(whole)


def _number(cell: str) -> float | None:
    """A finite number, or None for a word (NaN and infinity count as words: no knob stands there)."""
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if abs(value) < float("inf") else None


def _file(cell: str, name: str, number: int, path: Path) -> str:
    if not cell:
        raise ValueError(f"{path}, line {number}, column {name}: is empty, but must name a file")
    return cell
