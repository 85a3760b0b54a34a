"""From arguments to an exit code: whatever goes wrong becomes one line on standard error."""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from ddspfx.cli.unbroken import forget, handled, stop
from ddspfx.cli.wording import expected, in_words, output_in

FAULT, INTERRUPTED, BROKEN_PIPE = 2, 130, 1


def run(argv: Sequence[str] | None = None) -> int:
    """Exit code of `ddspfx` with these arguments: 0, 2 for a fault of the user's or the machine's, 130 for Ctrl-C.

    `--traceback` anywhere, or DDSPFX_TRACEBACK=1, lets errors through with their traceback.
    """
    given = list(sys.argv[1:] if argv is None else argv)
    bare = [word for word in given if word != "--traceback"] or ["--help"]
    if len(bare) < len(given) or os.environ.get("DDSPFX_TRACEBACK", "") not in ("", "0"):
        return _command(bare)
    forget()
    with handled(stop, signal.SIGINT, signal.SIGTERM):
        try:
            return _command(bare)
        except BrokenPipeError:
            _forget_stdout()
            return BROKEN_PIPE
        except KeyboardInterrupt:
            print(f"ddspfx: interrupted{_cure_of_interruption(bare)}", file=sys.stderr)
            return INTERRUPTED
        except expected() as error:
            print(f"ddspfx: {in_words(error, bare)}", file=sys.stderr)
            return FAULT


def _command(argv: list[str]) -> int:
    began = time.perf_counter()
    import typer

    from ddspfx.cli.app import app

    command = typer.main.get_command(app)
    try:
        with command.make_context("ddspfx", argv, obj=began) as context:
            command.invoke(context)
    except typer.Exit as end:
        return int(end.exit_code)
    finally:
        sys.stdout.flush()
    return 0


def _cure_of_interruption(argv: list[str]) -> str:
    out = output_in(argv)
    if argv[0] == "fit" and out is not None and any(Path(out).rglob("checkpoint.safetensors")):
        return f"; what was fitted so far is kept in {out}: run the same command with --resume to go on"
    return "; nothing was written"


def _forget_stdout() -> None:
    """Nobody reads any more: the interpreter must not complain when it flushes at its end."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
