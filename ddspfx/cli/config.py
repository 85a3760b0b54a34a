"""The settings of a fit from a TOML file."""

import difflib
import tomllib
from pathlib import Path
from typing import Any


def read_config(path: Path) -> dict[str, Any]:
    """The settings by name, checked. Raises OSError or ValueError, one line, with file, key and what it must be."""
    from pydantic import ValidationError

    from ddspfx.cli.wording import invalid
    from ddspfx.fit.settings import Settings

    if not path.is_file():
        raise FileNotFoundError(f"--config is {path}, which is no file: name a TOML file")
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is no TOML that can be read ({error}): write lines such as passes = 100") from None
    known = sorted(Settings.model_fields)
    for key in values:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            cure = f"write {near[0]}" if near else "take it out"
            raise ValueError(f"{path} holds the key {key!r}, but must hold only {', '.join(known)}: {cure}")
    try:
        Settings(**values)
    except ValidationError as error:
        raise ValueError(f"{path}: {invalid(dict(error.errors()[0]))}") from None
    return values
