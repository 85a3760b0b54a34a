"""Results on standard output, for people or for machines; everything else goes to standard error."""

import json
import math
import sys
from collections.abc import Mapping
from typing import Any


def emit(figures: Mapping[str, Any], as_json: bool) -> None:
    """One JSON object on one line, or a line a figure."""
    if as_json:
        print(json.dumps(_plain(figures), allow_nan=False))
    else:
        _lines(figures, "")


def _lines(figures: Mapping[str, Any], indent: str) -> None:
    width = max(map(len, figures), default=0)
    for name, value in figures.items():
        if isinstance(value, Mapping) and value:
            print(f"{indent}{name}")
            _lines(value, indent + "  ")
        else:
            print(f"{indent}{name:<{width}}  {_shown(value)}")


def note(text: str) -> None:
    """A sentence for the person at the keyboard."""
    print(f"ddspfx: {text}", file=sys.stderr, flush=True)


def _plain(value: Any) -> Any:
    """What JSON can hold: NumPy numbers as Python's, what is not finite as null."""
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if value is None or isinstance(value, bool | int | str):
        return value
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value)


def _shown(value: Any) -> str:
    value = _plain(value)
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return ", ".join(map(_shown, value)) or "none"
    return "none" if value is None or value == {} else str(value)
