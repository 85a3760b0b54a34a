"""The `ddspfx` command: parses, calls one function of the library, prints."""

from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command with these arguments (those of the process when left out); the exit code."""
    from ddspfx.cli.run import run

    return run(argv)
