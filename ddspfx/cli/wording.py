"""Errors in words: what was given, what it must be, what to do; always one line."""

import errno
import sys
from collections.abc import Sequence
from itertools import pairwise

_CURES = {
    errno.ENOENT: "does not exist: check the name and the folder",
    errno.ENOTDIR: "does not exist, since a part of it is a file and no folder: check the folders of the name",
    errno.EISDIR: "is a folder, but must be a file: name a file in it",
    errno.EEXIST: "is there already: choose another name",
    errno.EACCES: "may not be opened: change its permissions or choose another place",
    errno.EPERM: "may not be written: change its permissions or choose another place",
    errno.EROFS: "lies on a read-only disk: choose another place",
    errno.ENOSPC: "cannot be written, the disk is full: make room or choose another disk",
    errno.EDQUOT: "cannot be written, the quota is used up: make room or choose another disk",
    errno.EFBIG: "cannot be written, files may not grow this large here: raise the limit (ulimit -f)",
}
_LATER = {"soundfile": "LibsndfileError", "safetensors": "SafetensorError", "jax.errors": "JaxRuntimeError"}
"""Errors of libraries that are not imported for the sake of their errors."""


def expected() -> tuple[type[BaseException], ...]:
    """What may go wrong without anybody having made a mistake in the program."""
    import typer

    usage = tuple(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")
    later = (getattr(sys.modules.get(module), name, None) for module, name in _LATER.items())
    own = (ValueError, TypeError, OSError, MemoryError, FloatingPointError)
    return (*own, *usage, *(kind for kind in later if kind is not None))


def in_words(error: BaseException, argv: Sequence[str] = ()) -> str:
    """The error as one line that ends with a cure."""
    if hasattr(error, "format_message"):
        said = _line(error.format_message()).rstrip(".")
        return f"{said}{_given(error, argv)}: see `{_command(error, argv)} --help`"
    if isinstance(error, OSError) and error.strerror:
        place = error.filename if error.filename is not None else output_in(argv) or "the output"
        return _line(f"{place} {_CURES.get(error.errno or 0, f'cannot be used ({error.strerror}): choose another')}")
    if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error):
        return f"memory is used up ({_line(str(error))[:80]}): give shorter files or smaller settings"
    if hasattr(error, "errors") and hasattr(error, "error_count"):
        return invalid(error.errors()[0])
    return _line(str(error)) or f"{type(error).__name__}: run again with --traceback to see where"


def output_in(argv: Sequence[str]) -> str | None:
    """What was given for --out, in either spelling."""
    words = [part for word in argv for part in (word.split("=", 1) if word.startswith("--out=") else (word,))]
    return next((value for name, value in pairwise(words) if name == "--out"), None)


def _given(error: BaseException, argv: Sequence[str]) -> str:
    """The value that was given for the option at fault."""
    names = getattr(getattr(error, "param", None), "opts", ())
    values = [value for name, value in pairwise(argv) if name in names]
    return f", not {values[-1]!r}" if values else ""


def _command(error: BaseException, argv: Sequence[str]) -> str:
    """Whose help to point to: the command's, unless there is no such command."""
    inside = argv and not argv[0].startswith("-") and "No such command" not in str(error)
    return f"ddspfx {argv[0]}" if inside else "ddspfx"


def invalid(fault: dict[str, object]) -> str:
    """One finding of pydantic in words."""
    place = ".".join(str(step) for step in fault["loc"]) if isinstance(fault["loc"], tuple) else ""
    wanted = str(fault["msg"]).removeprefix("Input ").removeprefix("Value error, ")
    return _line(f"{place or 'a setting'} is {fault['input']!r}, but {wanted}: change it")


def _line(text: str) -> str:
    return " ".join(text.split())
