"""The benchmarks' own arithmetic: what they call right, fast and missing."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from benchmarks.__main__ import main as bench_main
from benchmarks.bench import full, work
from benchmarks.bench.case import Asked, Bench, Kernel, Peer, Place, Problem, Row, Size, compare, cpu
from benchmarks.bench.compare import moved
from benchmarks.bench.files import read_rows, write_rows
from benchmarks.bench.growth import slopes
from benchmarks.bench.limit import Machine, Work
from benchmarks.bench.memory import peak
from benchmarks.bench.sides import Right, Side, error, jax_side, worst_slope
from benchmarks.bench.table import markdown
from benchmarks.bench.timing import ROUNDS, interleaved, ratios
from benchmarks.kernels import convolution, delays, filters, moving, oversampling
from benchmarks.kernels.registry import CASES, chosen
from ddspfx.cli import main

BENCH = Bench(Machine(1e10, 1e11), 1e-5, 0.0, ())
ABOUT = {
    "date": "today", "command": "python -m benchmarks", "processor": "one", "cores": 1, "pinned_to": 0,
    "system": "here", "versions": {"jax": "1"}, "copy_gb_s": 10.0, "product_gflop_s": 100.0, "empty_call_us": 10.0,
}  # fmt: skip


def absent() -> Side:
    raise ImportError("No module named 'rival'", name="rival")


class Twice(Kernel):
    """y = 2 x, beside NumPy and a peer that is not there."""

    name = "twice"
    asked = Asked(1e-6, 1.0, 1.0, 1e-6)
    sizes = (Size(100, 2),)
    factor = 2.0

    def problem(self, size: Size, place: Place) -> Problem:
        x = np.ones((size.batch, size.samples), np.float32)
        ours = jax_side(lambda x: self.factor * x, {"x": x}, x, place.jax)
        both = lambda: (np.float32(0), {"x": 2 * x})  # noqa: E731
        peers = {"numpy": Peer(lambda: Side(lambda: 2 * x, both)), "rival": Peer(absent)}
        right = Right(2.0 * x, {"x": 2.0 * x})
        return Problem(ours, peers, lambda: right, Work(2 * x.nbytes, x.size), Work(3 * x.nbytes, x.size))


class Thrice(Twice):
    """What computes something else."""

    name = "thrice"
    factor = 3.0


def test_work_is_measured_in_turns_and_often_enough() -> None:
    calls: list[str] = []
    times = interleaved({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, 0.0)
    assert len(times["a"]) == len(times["b"]) >= ROUNDS >= 7
    assert {"a", "b"} == set(calls[:2])
    ratio = ratios({"a": [2.0, 4.0, 9.0], "b": [1.0, 2.0, 3.0]}, "a", "b")
    assert ratio.median == 2.0 and ratio.low <= 2.0 <= ratio.high


def test_the_limit_is_the_longer_of_copying_and_multiplying() -> None:
    assert BENCH.machine.seconds(Work(1e10, 0)) == pytest.approx(1)
    assert BENCH.machine.seconds(Work(1e9, 2e11)) == pytest.approx(2)


def test_errors_are_shares_of_the_peak() -> None:
    assert error(np.array([1.0, 4.4]), np.array([1.0, 4.0])) == pytest.approx(0.1)
    assert error(np.array([np.nan]), np.ones(1)) == float("inf")
    assert error(np.array([7.0, 2.0]), np.array([np.nan, 2.0])) == 0
    with pytest.raises(ValueError, match="shape"):
        error(np.ones(2), np.ones(3))
    right = {"x": np.ones(2), "nobody": np.ones(1)}
    assert worst_slope({"x": np.array([1.0, 1.5])}, right) == (pytest.approx(0.5), "x")


def test_a_row_has_what_the_table_needs_and_names_who_is_missing() -> None:
    row = compare(Twice(), Size(100, 2), BENCH)
    asked = {
        "kernel",
        "peer",
        "forward",
        "forward_asked",
        "backward",
        "backward_asked",
        "error",
        "error_asked",
        "limit",
    }
    assert asked <= set(row)
    assert row["peer"] == "numpy" and row["forward"] > 0 and row["correct"] and row["error"] == 0
    assert row["limit"] > 0 and row["backward_limit"] > 0
    assert "rival" in row["gaps"] and "pip install" in row["gaps"]["rival"]
    text = markdown([{**row, "about": ABOUT}], "Table")
    assert "gap: rival" in text and "asked" in text and "measured" in text


def test_without_any_peer_the_row_says_so() -> None:
    class Alone(Twice):
        def problem(self, size: Size, place: Place) -> Problem:
            return super().problem(size, place)._replace(peers={"rival": Peer(absent)})

    row = compare(Alone(), Size(100, 2), BENCH)
    assert row["peer"] == "none" and row["forward"] is None
    text = markdown([{**row, "about": ABOUT}], "Table")
    assert "**not measured**" in text and "(missing)" in text


def test_what_cannot_be_checked_is_a_gap_and_no_fault() -> None:
    class Unjudged(Twice):
        def problem(self, size: Size, place: Place) -> Problem:
            return super().problem(size, place)._replace(right=absent)

    row = compare(Unjudged(), Size(100, 2), BENCH)
    assert row["correct"] and row["error"] is None and "nothing was checked" in row["gaps"]["reference"]


def test_the_exit_code_is_for_wrong_numbers_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("benchmarks.__main__.pin", lambda: None)
    monkeypatch.setattr(work, "measure_machine", lambda: BENCH.machine)
    monkeypatch.setattr(work, "empty_call", lambda: 1e-5)
    monkeypatch.setattr(work, "without_cache", lambda: None)
    for kernels, code in (((Twice(),), 0), ((Twice(), Thrice()), 1)):
        monkeypatch.setattr(work, "chosen", lambda only, kernels=kernels: kernels)
        assert bench_main(["--quick", "--budget", "0", "--out", str(tmp_path)]) == code
    rows = json.loads((tmp_path / "quick.json").read_text())
    assert [row["kernel"] for row in rows] == ["twice", "thrice"]
    assert [row["correct"] for row in rows] == [True, False] and "ddspfx" in rows[1]["wrong"]
    assert rows[0]["about"]["versions"]["jax"] == jax.__version__
    assert "**wrong**" in (tmp_path / "quick.md").read_text() and (tmp_path / "quick.png").stat().st_size > 1000
    assert not list(tmp_path.glob("*.part*"))
    assert bench_main(["--compare", str(tmp_path / "nowhere.json")]) == 2


def test_cases_have_names_of_their_own_and_are_found_by_them() -> None:
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)
    assert [case.name for case in chosen(("GRU",))] == ["GRU"]
    assert {case.name for case in chosen(("delay",))} == {name for name in names if "delay" in name}
    assert len(chosen(())) == len(names)
    with pytest.raises(ValueError, match="no such thing"):
        chosen(("no such thing",))


def test_what_moved_is_told() -> None:
    def row(seconds: float, ratio: float) -> Row:
        return {"kernel": "a", "samples": 1, "forward_seconds": {"ddspfx": {"median": seconds}}, "forward": ratio}

    assert "-50%" in moved([row(2.0, 1.0)], [row(1.0, 2.0)])
    assert "b is new" in moved([row(2.0, 1.0)], [{**row(1.0, 2.0), "kernel": "b"}])


def test_growth_is_a_slope() -> None:
    def point(samples: int) -> Row:
        seconds, peaks = {"ddspfx": {"median": 1e-3 + 1e-6 * samples}}, {"ddspfx": 8 * samples}
        times = {"forward_seconds": seconds, "backward_seconds": seconds}
        sizes = {"samples": samples, "batch": 1, "width": 0, "forward_peak_bytes": peaks, "backward_peak_bytes": peaks}
        return {"kernel": "a", "axis": "block", **sizes, **times}

    (row,) = slopes([point(n) for n in (10_000, 100_000, 1_000_000)])
    assert row["forward_memory_slope"] == pytest.approx(1) and 0.8 < row["forward_time_slope"] < 1
    assert row["seconds_at_zero"] == pytest.approx(1e-3, rel=1e-3)


def test_memory_is_what_a_run_adds() -> None:
    assert 4e7 < peak(lambda: np.ones(5_000_000)) < 8e7


def test_a_stopped_run_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    measured: list[Any] = []

    def row(point: full.Point, done: Any, bench: Bench) -> Row:
        measured.append(point.size)
        if len(measured) == 5:
            raise KeyboardInterrupt
        return {"kernel": "twice", "axis": point.axis, **point.size._asdict(), "skipped": "a test"}

    monkeypatch.setattr(full, "_row", row)
    with pytest.raises(KeyboardInterrupt):
        full.run_full((Twice(),), BENCH, ABOUT, tmp_path)
    rows = full.run_full((Twice(),), BENCH, ABOUT, tmp_path)
    count = len(list(full.points(Twice())))
    assert len(rows) == count and len(measured) == count + 1
    assert read_rows(tmp_path / "full.json") == rows
    full.run_full((Thrice(),), BENCH, ABOUT, tmp_path)
    assert len(read_rows(tmp_path / "full.json")) == 2 * count


def test_a_point_that_would_take_too_long_is_left_out() -> None:
    def done(seconds: float, peaks: float, peer: float = 0.1) -> Row:
        times = {"ddspfx": {"median": seconds}, "torch": {"median": peer}}
        memory = {"forward_peak_bytes": {"ddspfx": peaks}, "backward_peak_bytes": {}}
        size = {"kernel": "a", "samples": 10, "batch": 1, "width": 0}
        return {**size, "forward_seconds": times, "backward_seconds": {}, **memory}

    row = {"kernel": "a", "samples": 100, "batch": 1, "width": 0}
    assert full.too_much(row, []) == {} and full.too_much(row, [done(0.1, 1e6)]) == {}
    assert full.too_much(row, [done(5.0, 1e6)]) == {"ddspfx": "would take 50 s a run"}
    assert full.too_much(row, [done(0.1, 2e9)]) == {"ddspfx": "would take 20 GB"}
    assert full.too_much(row, [done(0.1, 1e6, peer=6.0)]) == {"torch": "would take 60 s a run"}


def test_rows_of_something_else_are_refused(tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.json", [{"kernel": "a"}])
    assert read_rows(tmp_path / "rows.json") == [{"kernel": "a"}]
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(ValueError, match="holds no rows"):
        read_rows(tmp_path / "other.json")


def kernels() -> Iterator[tuple[Kernel, Size]]:
    yield filters.One(), Size(900, 2, 2)
    yield moving.Moving(), Size(300, 2)
    yield moving.Varying(), Size(300, 2)
    yield delays.Linear(), Size(700, 2)
    yield convolution.LongFIR(), Size(3_000, 2, 500)
    yield oversampling.Oversampling(), Size(600, 2)


@pytest.mark.parametrize(("kernel", "size"), list(kernels()), ids=lambda value: getattr(value, "name", ""))
def test_references_are_what_the_kernels_compute(kernel: Kernel, size: Size) -> None:
    problem = kernel.problem(size, cpu())
    right = problem.right()
    assert error(problem.ours.forward(), right.value) < max(kernel.asked.error, 1e-6)
    assert problem.ours.both is not None and kernel.asked.slope is not None
    assert worst_slope(problem.ours.both()[1], right.slopes)[0] < max(kernel.asked.slope, 1e-5)


def test_the_command_says_how_to_get_the_benchmarks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("ddspfx.cli.bench.find_spec", lambda name: None)
    assert main(["bench", "--quick"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "pip install -e .[bench]" in said
