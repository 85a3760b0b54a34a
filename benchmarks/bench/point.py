"""One point of the whole run in its own process.

    python -m benchmarks.bench.point CASE SAMPLES BATCH WIDTH BUDGET [PEER LEFT OUT ...]

A fresh process is the only one whose memory can be told, and one that is killed takes nothing along.
"""

import json
import sys
from collections.abc import Sequence
from typing import Any

from benchmarks.bench.pinning import pin

RATE = 44_100


def main(argv: list[str]) -> None:
    """Prints one row as JSON on the last line."""
    pin()
    import ddspfx  # noqa: F401  its flag must come before the first operation of JAX

    # isort: split

    from benchmarks.bench.case import Kernel, Size, cpu
    from benchmarks.bench.work import one_thread, without_cache
    from benchmarks.kernels.registry import chosen

    one_thread()
    without_cache()
    (case,) = chosen((argv[0],))
    assert isinstance(case, Kernel)
    size, budget = Size(*(int(word) for word in argv[1:4])), float(argv[4])
    print(json.dumps(measured(case.problem(size, cpu()), size, budget, argv[5:])))


def measured(problem: Any, size: Any, budget: float, left_out: Sequence[str] = ()) -> dict[str, object]:
    """Compile time, first call, memory, steady times and the real-time factor."""
    from benchmarks.bench.case import made
    from benchmarks.bench.memory import peak
    from benchmarks.bench.timing import interleaved, seconds, spread

    compiled = problem.ours.compile() if problem.ours.compile else (None, None)
    row: dict[str, object] = {"compile_seconds": compiled, "first_call_seconds": seconds(problem.ours.forward)}
    peers = {name: peer for name, peer in problem.peers.items() if peer.counted and name not in left_out}
    sides = {"ddspfx": problem.ours, **made(peers)[0]}
    for way in ("forward", "both"):
        works = {name: work for name, side in sides.items() if (work := getattr(side, way))}
        label = "forward" if way == "forward" else "backward"
        row[f"{label}_peak_bytes"] = {name: peak(work) for name, work in works.items()}
        times = interleaved(works, budget) if works else {}
        row[f"{label}_seconds"] = {name: spread(values)._asdict() for name, values in times.items()}
        if "ddspfx" in times:
            row[f"{label}_real_time"] = size.samples * size.batch / RATE / spread(times["ddspfx"]).median
    return row


if __name__ == "__main__":
    main(sys.argv[1:])
