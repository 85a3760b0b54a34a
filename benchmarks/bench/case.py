"""A case: a kernel, its peers, what it should reach, and how one row of the table comes about."""

import abc
import gc
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, NamedTuple

import jax

from benchmarks.bench.limit import Machine, Work
from benchmarks.bench.sides import Right, Side, error, worst_slope
from benchmarks.bench.timing import Spread, interleaved, ratios, spread

Row = dict[str, Any]
SAME = 2e-3
"""How far a peer may be from the reference: float32 in a direct form, or the other topology's rounding."""


class Size(NamedTuple):
    """Samples, signals, and the kernel's own size: sections, hidden units, taps; 0 where it has none."""

    samples: int
    batch: int = 8
    width: int = 0


class Asked(NamedTuple):
    """What to reach: ratios to the peer (at least), errors (at most); None where nothing is asked."""

    error: float
    forward: float | None = None
    backward: float | None = None
    slope: float | None = None


class Place(NamedTuple):
    """Where to compute: a device of JAX's and the name of one of PyTorch's."""

    jax: Any
    torch: str


class Peer(NamedTuple):
    """A way that somebody else computes it; what is not counted in the ratio is shown beside the others.

    `same` is False where it computes something else that takes its place: then its numbers are not compared.
    """

    make: Callable[[], Side]
    counted: bool = True
    same: bool = True


class Problem(NamedTuple):
    """A kernel at one size."""

    ours: Side
    peers: Mapping[str, Peer]
    right: Callable[[], Right]
    forward: Work
    backward: Work


class Bench(NamedTuple):
    """What a case may know: the machine's limits, an empty call's seconds, how long one comparison may take."""

    machine: Machine
    empty: float
    budget: float
    devices: tuple[Place, ...]


class Case(abc.ABC):
    """Anything that gives rows."""

    name: ClassVar[str]

    @abc.abstractmethod
    def rows(self, bench: Bench) -> Iterator[Row]:
        """The rows, each with `kernel, peer, forward, forward_asked, backward, backward_asked, error, error_asked`."""


class Kernel(Case):
    """A case that compares a kernel with its peers at some sizes."""

    asked: ClassVar[Asked]
    sizes: ClassVar[tuple[Size, ...]]
    widths: ClassVar[tuple[int, ...]] = ()
    grows: ClassVar[bool] = True
    """Whether the whole run measures it at other sizes too."""
    streams: ClassVar[bool] = True
    """Whether it is ever called on blocks of a stream: a loss is not."""
    note: ClassVar[str] = ""
    shortfall: ClassVar[str] = ""
    """Why it does not reach what was asked, and what was tried: printed where it does not."""

    @abc.abstractmethod
    def problem(self, size: Size, place: Place) -> Problem:
        """The kernel at a size, with everything that is needed to run and to judge it."""

    def label(self, size: Size) -> str:
        """The name of the row."""
        return self.name

    def rows(self, bench: Bench) -> Iterator[Row]:
        for size in self.sizes:
            yield compare(self, size, bench)
            gc.collect()


def cpu() -> Place:
    return Place(jax.devices("cpu")[0], "cpu")


def made(peers: Mapping[str, Peer]) -> tuple[dict[str, Side], dict[str, str]]:
    """The peers that are there, and the reasons why the others are not."""
    sides, gaps = {}, {}
    for name, peer in peers.items():
        try:
            sides[name] = peer.make()
        except ImportError as missing:
            gaps[name] = f"not installed ({missing.name or missing}): pip install -e .[bench]"
    return sides, gaps


def compare(kernel: Kernel, size: Size, bench: Bench) -> Row:
    """One row: first whether all compute the same thing, then how long each takes."""
    place = cpu()
    problem = kernel.problem(size, place)
    sides, gaps = made(problem.peers)
    row: Row = {
        "kernel": kernel.label(size),
        "samples": size.samples,
        "batch": size.batch,
        "width": size.width,
        **_checked(kernel, problem, sides, gaps),
    }
    counted = [name for name in sides if problem.peers[name].counted]
    for direction in ("forward", "backward"):
        row |= _timed(direction, kernel, problem, sides, counted, bench)
    row["peer"] = row["forward_peer"] or row["backward_peer"] or "none"
    row |= {"gaps": gaps, "note": kernel.note, "shortfall": kernel.shortfall}
    for device in bench.devices:
        row |= _on_device(kernel, size, device)
    return row


def _checked(kernel: Kernel, problem: Problem, sides: dict[str, Side], gaps: dict[str, str]) -> Row:
    """Errors of all sides against the reference, and who is wrong; what cannot be checked is a gap, not a fault."""
    asked = kernel.asked
    row: Row = {
        "error": None,
        "error_asked": asked.error,
        "slope_error": None,
        "slope_error_asked": asked.slope,
        "slope_of": "",
        "correct": True,
    }
    try:
        right = problem.right()
    except ImportError as missing:
        gaps["reference"] = f"not installed ({missing.name or missing}), so nothing was checked"
        return row
    row["error"] = error(problem.ours.forward(), right.value)
    wrong = [] if row["error"] <= asked.error else ["ddspfx"]
    if problem.ours.both and right.slopes:
        row["slope_error"], row["slope_of"] = worst_slope(problem.ours.both()[1], right.slopes)
        if asked.slope is not None and not row["slope_error"] <= asked.slope:
            wrong.append(f"ddspfx, slope of {row['slope_of']}")
    elif asked.slope is not None:
        gaps["slopes"] = "have no reference here, so they were not checked"
    same = {name: side for name, side in sides.items() if problem.peers[name].same}
    row["peer_errors"] = {name: error(side.forward(), right.value) for name, side in same.items()}
    wrong += [name for name, size in row["peer_errors"].items() if not size <= SAME]
    return row | {"correct": not wrong, "wrong": wrong}


def _timed(
    direction: str, kernel: Kernel, problem: Problem, sides: dict[str, Side], counted: list[str], bench: Bench
) -> Row:
    """Seconds of all sides one way, our ratio to the fastest peer that counts, and to the machine's limit."""

    def work(side: Side) -> Callable[[], Any] | None:
        return side.forward if direction == "forward" else side.both

    works = {name: run for name, side in {"ddspfx": problem.ours, **sides}.items() if (run := work(side))}
    asked = getattr(kernel.asked, direction)
    row: Row = {direction: None, f"{direction}_asked": asked, f"{direction}_peer": None}
    if "ddspfx" not in works:
        return row
    times = interleaved(works, bench.budget)
    spreads = {name: spread(values) for name, values in times.items()}
    row[f"{direction}_seconds"] = {name: value._asdict() for name, value in spreads.items()}
    least = bench.machine.seconds(getattr(problem, direction))
    row["limit" if direction == "forward" else "backward_limit"] = spreads["ddspfx"].median / least
    rivals = [name for name in counted if name in works]
    if rivals:
        fastest = min(rivals, key=lambda name: spreads[name].median)
        ratio: Spread = ratios(times, fastest, "ddspfx")
        row |= {direction: ratio.median, f"{direction}_spread": [ratio.low, ratio.high], f"{direction}_peer": fastest}
    return row


def _on_device(kernel: Kernel, size: Size, device: Place) -> Row:
    """The same on a GPU: seconds, and the ratio to the fastest peer that runs there."""
    problem = kernel.problem(size, device)
    sides = made(problem.peers)[0] if device.torch != "cpu" else {}
    row: Row = {}
    for direction in ("forward", "both"):
        works = {name: getattr(side, direction) for name, side in {"ddspfx": problem.ours, **sides}.items()}
        times = interleaved({name: work for name, work in works.items() if work}, 3.0, time.perf_counter)
        label = "gpu_forward" if direction == "forward" else "gpu_backward"
        row[f"{label}_seconds"] = {name: spread(values)._asdict() for name, values in times.items()}
        rivals = [name for name in times if name != "ddspfx" and problem.peers[name].counted]
        row[label] = max((ratios(times, name, "ddspfx").median for name in rivals), default=None)
    return row
