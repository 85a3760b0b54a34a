"""The work behind the command."""

import warnings
from pathlib import Path

import ddspfx  # noqa: F401  the flag that it sets must come before the first operation of JAX

# isort: split
import jax

from benchmarks.bench.case import Bench, Place, Row
from benchmarks.bench.compare import moved
from benchmarks.bench.files import about, read_rows
from benchmarks.bench.full import run_full
from benchmarks.bench.growth import page
from benchmarks.bench.limit import empty_call, measure_machine
from benchmarks.bench.plot import plot, plot_growth
from benchmarks.bench.quick import run_quick
from benchmarks.bench.table import TITLE, markdown
from benchmarks.kernels.registry import chosen

RESULTS = Path(__file__).parent.parent / "results"


def run(
    quick: bool, only: tuple[str, ...], compare: Path | None, out: Path | None, budget: float, core: int | None
) -> int:
    """Exit code 1 when something is wrong in value, never for a time.

    A run of some cases alone leaves the files of the whole one: it writes only where --out says.
    """
    warnings.filterwarnings("ignore", module="philtorch")
    cases, old = chosen(only), None if compare is None else read_rows(compare)
    one_thread()
    without_cache()
    folder = out or (None if only and quick else RESULTS)
    print("measuring the core", flush=True)
    machine, empty = measure_machine(), empty_call()
    bench = Bench(machine, empty, budget, gpus())
    facts = about(machine, core, empty)
    if quick or folder is None:
        rows = run_quick(cases, bench, facts, folder, costs(RESULTS / "quick.json"))
        print(markdown(rows, TITLE))
    else:
        rows = run_full(cases, bench, facts, folder)
        print(page(rows, facts))
    if folder is not None:
        (plot if quick else plot_growth)(rows, folder / f"{'quick' if quick else 'full'}.png")
    if old is not None:
        print(moved(old, rows))
    return int(any(not row.get("correct", True) for row in rows))


def without_cache() -> None:
    """Compilation is measured, so nothing may be found on disk."""
    jax.config.update("jax_enable_compilation_cache", False)


def one_thread() -> None:
    """PyTorch counts the cores that it may use when it is loaded; this holds it to one in any case."""
    try:
        import torch
    except ImportError:
        return
    torch.set_num_threads(1)


def gpus() -> tuple[Place, ...]:
    """The first GPU, where JAX has one, and PyTorch's where it has one too."""
    try:
        device = jax.devices("gpu")[0]
    except RuntimeError:
        return ()
    try:
        import torch
    except ImportError:
        return (Place(device, "cpu"),)
    return (Place(device, "cuda" if torch.cuda.is_available() else "cpu"),)


def costs(path: Path) -> dict[str, float]:
    """Seconds of every case in the last quick run: for the time left."""
    if not path.is_file():
        return {}
    rows: list[Row] = read_rows(path)
    return {row["case"]: row["case_seconds"] for row in rows if "case_seconds" in row}
