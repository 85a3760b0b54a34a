"""The settings of a fit, or of a sweep, from a TOML file."""

import difflib
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from ddspfx.sweep.config import Sweep

Made = TypeVar("Made")


def read_config(path: Path) -> dict[str, Any]:
    """The settings by name, checked. Raises OSError or ValueError, one line, with file, key and what it must be."""
    from ddspfx.fit.settings import Settings

    values = _read(path, "--config", "passes = 100", Settings.model_fields)
    _made(path, Settings, values)
    return values


def read_sweep(path: Path) -> "Sweep":
    """The sweep that a file describes. Raises as `read_config` does."""
    from ddspfx.sweep.config import Sweep

    return _made(path, Sweep, _read(path, "CONFIG", "recordings = ['pairs.csv']", Sweep.model_fields))


def _read(path: Path, argument: str, example: str, fields: Iterable[str]) -> dict[str, Any]:
    if not path.is_file():
        raise FileNotFoundError(f"{argument} is {path}, which is no file: name a TOML file")
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is no TOML that can be read ({error}): write lines such as {example}") from None
    known = sorted(fields)
    for key in values:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            cure = f"write {near[0]}" if near else "take it out"
            raise ValueError(f"{path} holds the key {key!r}, but must hold only {', '.join(known)}: {cure}")
    return values


def _made(path: Path, make: Callable[..., Made], values: dict[str, Any]) -> Made:
    from pydantic import ValidationError

    from ddspfx.cli.wording import invalid

    try:
        return make(**values)
    except ValidationError as error:
        raise ValueError(f"{path}: {invalid(dict(error.errors()[0]))}") from None
