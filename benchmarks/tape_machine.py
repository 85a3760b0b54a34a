"""A real tape machine: `python -m benchmarks.tape_machine [--quick]` writes `results/tape_machine.md`.

Akai 4000D at 7.5 ips: three clips of 5 s, three of 4.8 s and one of 20 s (`../shared/data/akai4000d*`). Delay, level
and device come from the programme alone, by `fit`; the pilot on the other channel serves the reference only. ESR of the
quiet model over all of a clip whose source lies inside it, less 50 ms; means are over the three clips with a pilot.
"Delay" rows know a recording by its trajectory alone, "delay and gain" also by one gain (as `align` has it), "delay
and level" also by its level, 25 knots a second, all from the tested pair's own programme: a tape's output wanders by
several per cent, and no device can foretell it. Sections and taps are solved in closed form; "parameters" are the
device's own. Every row is written when it is there; a run that was killed goes on.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks import tape_devices as machine
from benchmarks.table import RESULTS, write_table
from benchmarks.tape_devices import CLIPS, LONG, TAPS, TESTS

Row = dict[str, Any]
ROWS = RESULTS / "tape_machine.json"
THEIRS = {
    "their supervised 1": 0.0295,
    "their supervised 2": 0.0473,
    "their adversarial": 0.653,
    "their first, sub-sample pilot": 0.026,
    "identity, tracked delay": 0.381,
}
"""Mean ESR of the paper's shipped models on five clips, as the issue states them."""
SHAPE = {"evenness": 1.0, "alternations": 3}
"""For a device that is to play other music: every frequency counts by what is known about it."""
PULL = 0.1
"""Ridge of a long response about the bank of filters, for the same."""


def row(what: str, known: str, device: str, numbers: int, values: dict[str, float], asked: str) -> Row:
    """One line of the table."""
    clips = [values.get(name, float("nan")) for name in CLIPS]
    rest = [values[name] for name in TESTS if name in values]
    return {
        "what": what,
        "known of the clip": known,
        "device": device,
        "parameters": numbers,
        **{name: value for name, value in zip(CLIPS, clips, strict=True)},
        "mean": float(np.mean(clips)),
        "asked": asked,
        "mean of the three others": float(np.mean(rest)) if rest else "",
    }


def reference() -> list[Row]:
    """Pilot delay and one long linear response."""
    known, device = "pilot delay", f"{TAPS} taps"
    own = {n: machine.by_response(machine.long_response([n]), n) for n in CLIPS}
    pooled = machine.long_response(CLIPS)
    both = {n: machine.by_response(pooled, n) for n in CLIPS}
    rest = {n: machine.by_response(machine.long_response([o for o in CLIPS if o != n]), n) for n in CLIPS}
    return [
        row("reference, on the clip itself", known, device, TAPS, own, ""),
        row("reference, pooled", known, device, TAPS, both, ""),
        row("reference, from the other two", known, device, TAPS, rest, ""),
    ]


def named(level: bool) -> str:
    return "delay and level" if level else "delay"


def on_itself(sections: int, taps: int, level: bool, names: Sequence[str], asked: str) -> Row:
    """A device of its own for every clip."""
    values = {
        n: machine.on_own(machine.solved_on([one := machine.take(n)], sections, taps, level), [one])[0] for n in names
    }
    numbers = 2 * sections + 1 if sections else taps
    device = f"{sections} sections" if sections else f"{taps} taps"
    return row("on the clip itself", named(level), device, numbers, values, asked)


def pooled(sections: int, taps: int, level: bool, asked: str) -> Row:
    """One device for the three clips."""
    takes = [machine.take(name) for name in CLIPS]
    values = machine.on_own(machine.solved_on(takes, sections, taps, level), takes)
    numbers = 2 * sections + 1 if sections else taps
    device = f"{sections} sections" if sections else f"{taps} taps"
    return row("pooled over three clips", named(level), device, numbers, dict(zip(CLIPS, values, strict=True)), asked)


def from_others(sections: int, taps: int, wide: bool, names: Sequence[str], asked: str) -> list[Row]:
    """A device from other recordings, once with the level of the judged clip and once without."""
    found: dict[str, dict[str, float]] = {"delay": {}, "delay and gain": {}, "delay and level": {}}
    for name in names:
        teachers = machine.others(name, (*CLIPS, *(TESTS if wide else ()), LONG))
        takes = [machine.take(other) for other in teachers]
        model = machine.solved_on(takes, sections, taps, True, ridge=PULL, **SHAPE).model
        one = machine.take(name)
        found["delay"][name], found["delay and gain"][name] = machine.on_another(machine.without_level(model), one)
        found["delay and level"][name] = machine.on_another(model, one)[0]
        print(name, {known: values[name] for known, values in found.items()}, flush=True)
    device = f"{sections} sections" + (f" and {taps} taps about them" if taps else "")
    what = "from all other clips and the 20 s" if wide else "from the other two clips and the 20 s"
    numbers = 2 * sections + 1 + taps
    return [row(what, known, device, numbers, values, asked) for known, values in found.items()]


def curved(level: bool) -> Row:
    """What squares, cubes and fifth powers add to the long response on the clip itself."""
    values = {name: machine.bent(name, level)[1] for name in CLIPS}
    return row("on the clip itself", named(level), f"{TAPS} taps and three powers of 64", TAPS + 192, values, "")


def plan(quick: bool) -> dict[str, Callable[[], list[Row]]]:
    """The table's rows by name, the cheap ones first."""
    first = CLIPS if quick else (*CLIPS, *TESTS)
    jobs: dict[str, Callable[[], list[Row]]] = {"reference": reference}
    for level in (False, True):
        jobs[f"own taps {level}"] = lambda level=level: [on_itself(0, TAPS, level, first, ".0045")]
        jobs[f"own sections {level}"] = lambda level=level: [on_itself(16, 0, level, first, ".0075, under 100")]
        jobs[f"pooled taps {level}"] = lambda level=level: [pooled(0, TAPS, level, ".0055")]
        jobs[f"pooled sections {level}"] = lambda level=level: [pooled(24, 0, level, ".0055")]
    jobs["others sections"] = lambda: from_others(12, 0, False, CLIPS, ".010, each .017")
    if not quick:
        jobs["others both"] = lambda: from_others(12, TAPS, False, CLIPS, ".010, each .017")
        jobs["nonlinear"] = lambda: [curved(False), curved(True)]
        jobs["wide both"] = lambda: from_others(12, TAPS, True, CLIPS, ".010, each .017")
    return jobs


def main(quick: bool) -> None:
    """Every job that is not done, and the table."""
    done: dict[str, list[Row]] = json.loads(ROWS.read_text()) if ROWS.is_file() and not quick else {}
    for name, job in plan(quick).items():
        if name in done:
            continue
        began = time.monotonic()
        done[name] = job()
        print(name, f"{time.monotonic() - began:.0f} s", *(f"{r['mean']:.4f}" for r in done[name]), flush=True)
        if not quick:
            ROWS.write_text(json.dumps(done, indent=1))
        told(done, quick)


def told(done: dict[str, list[Row]], quick: bool) -> None:
    """The table as far as it goes, the paper's own figures under it."""
    rows = [r for found in done.values() for r in found]
    rows += [row("the paper", "pilot", name, 0, {}, "") | {"mean": value} for name, value in THEIRS.items()]
    command = "python -m benchmarks.tape_machine" + (" --quick" if quick else "")
    write_table("tape_machine_quick" if quick else "tape_machine", __doc__, rows, command)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rows, under five minutes")
    main(parser.parse_args().quick)
