"""`ddspfx bench`: the benchmarks, which lie beside the package in its source and not inside it."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

EPILOG = "\b\nExamples:\n" + "\n".join(
    f"  ddspfx bench {words}" for words in ("--quick", "--quick --only GRU", "--quick --compare old.json")
)


def bench(
    quick: Annotated[bool, typer.Option("--quick", help="One size of each kernel, under ten minutes.")] = False,
    only: Annotated[
        list[str] | None, typer.Option(help="A case whose name contains this; may be repeated.", show_default=False)
    ] = None,
    compare: Annotated[
        Path | None, typer.Option(help="An earlier run's JSON: say what moved since.", show_default=False)
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the results.", show_default=False)] = None,
) -> None:
    """Measure every kernel beside its peers, on one core.

    Runs `python -m benchmarks`, in a process that holds one core from its start. Exit code 1 when a kernel
    computes something wrong, never for a time.
    """
    if find_spec("benchmarks") is None or find_spec("benchmarks.bench") is None:
        raise ValueError(
            "the benchmarks are not here, they come with the source: "
            "clone the repository and run `pip install -e .[bench]` in it"
        )
    given = [*(["--quick"] if quick else []), *(["--only", *only] if only else [])]
    given += ["--compare", str(compare)] if compare else []
    given += ["--out", str(out)] if out else []
    ended = subprocess.run([sys.executable, "-m", "benchmarks", *given], check=False)
    raise typer.Exit(ended.returncode)
