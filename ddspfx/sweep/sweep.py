"""`sweep`: queues the fits, has them done by several workers, and reports."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from ddspfx.fit.progress import Progress, Silent
from ddspfx.sweep.config import Sweep
from ddspfx.sweep.page import write_page
from ddspfx.sweep.plan import Fit, fits
from ddspfx.sweep.study import CURE, Study

LOGS = "logs"
LOOK_S = 0.5
FRUITLESS = 3
"""Deaths of each worker in a row, with no fit finished between them, after which a sweep gives up."""


def sweep(config: Sweep | Mapping[str, Any], *, beside: str | Path = ".", progress: Progress | None = None) -> Any:
    """Every fit that `config` names, each in a folder of its own, and `sweep.html` with one table and one plot.

    Paths are seen from `beside`. What is finished is not done again, what was half done goes on from its own
    checkpoint, what failed is tried again: so the same call, after a kill at any moment, ends with the same results.
    Gives the rows of the table: name, model, what varied, state, ESR, parameters, seconds, core-seconds, memory
    and bytes.
    Raises ValueError for recordings that are not there, when Optuna (or submitit) is not installed, and when
    workers die without finishing anything.
    """
    config = config if isinstance(config, Sweep) else Sweep(**config)
    beside, progress = Path(beside), progress or Silent()
    folder = beside / config.out
    asked = fits(config, beside)
    study = Study(folder)
    study.queue(asked)
    rows = study.rows(asked)
    progress.say(f"{len(asked)} fits, {sum(map(_is_over, rows))} of them done before")
    if not all(map(_is_over, rows)):
        with _workers(config, study.folder) as workers:
            _followed(study, asked, workers, progress)
    rows = study.rows(asked)
    write_page(folder, rows)
    return rows


class Workers(Protocol):
    """Several processes that run `work`."""

    def tended(self, over: int) -> bool:
        """Whether any still works; `over` fits are done by now. Raises ValueError when there is no use in going on."""

    def stop(self) -> None:
        """Ends those that still work."""


class Processes:
    """Workers on this machine, each on its own share of the cores; one that dies is replaced."""

    def __init__(self, count: int, folder: Path):
        self._folder, self._over, self._deaths = folder, 0, 0
        self._shares = _shares(count)
        (folder / LOGS).mkdir(exist_ok=True)
        self._running = [self._started(place) for place in range(count)]

    def tended(self, over: int) -> bool:
        if over > self._over:
            self._over, self._deaths = over, 0
        for place, process in enumerate(self._running):
            if process.poll() not in (None, 0):
                self._deaths += 1
                if self._deaths > FRUITLESS * len(self._running):
                    raise ValueError(f"workers die without finishing anything: see {self._log(place)}")
                self._running[place] = self._started(place)
        return any(process.poll() is None for process in self._running)

    def stop(self) -> None:
        for process in self._running:
            process.terminate()
        for process in self._running:
            process.wait()

    def _started(self, place: int) -> "subprocess.Popen[bytes]":
        share = self._shares[place]
        with self._log(place).open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "ddspfx.sweep.work", str(self._folder)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        if share and hasattr(os, "sched_setaffinity"):
            with contextlib.suppress(ProcessLookupError):
                os.sched_setaffinity(process.pid, share)
        return process

    def _log(self, place: int) -> Path:
        return self._folder / LOGS / f"worker-{place}.log"


class Jobs:
    """Workers as jobs of submitit, on this machine or on a cluster; the cluster sees to those that die."""

    def __init__(self, config: Sweep, folder: Path):
        try:
            import submitit
        except ModuleNotFoundError:
            raise ValueError(f"executor {config.executor} needs submitit, which is not installed: {CURE}") from None
        from ddspfx.sweep.work import work

        executor = submitit.AutoExecutor(folder / LOGS, cluster=config.executor)
        executor.update_parameters(**{"name": "ddspfx-sweep", **config.cluster})
        self._jobs = [executor.submit(work, folder) for _ in range(config.workers)]

    def tended(self, over: int) -> bool:
        return any(not job.done() for job in self._jobs)

    def stop(self) -> None:
        for job in self._jobs:
            if not job.done():
                job.cancel()


def _shares(count: int) -> Sequence[set[int]]:
    """The cores of each worker: XLA takes all it sees, and fits that share cores slow each other down."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    return [set(cores[place::count]) if len(cores) >= count else set() for place in range(count)]


@contextlib.contextmanager
def _workers(config: Sweep, folder: Path) -> Iterator[Workers]:
    """The workers, which end when the sweep ends."""
    workers: Workers = Processes(config.workers, folder) if config.executor == "processes" else Jobs(config, folder)
    try:
        yield workers
    finally:
        workers.stop()


def _followed(study: Study, asked: Sequence[Fit], workers: Workers, progress: Progress) -> None:
    """Says what is finished, until everything is or nobody works any more."""
    began, told = time.monotonic(), {row["key"] for row in study.rows(asked) if _is_over(row)}
    before, working = len(told), True
    while working:
        time.sleep(LOOK_S)
        working = workers.tended(len(told))
        rows = study.rows(asked)
        new = [row for row in rows if _is_over(row) and row["key"] not in told]
        for row in new:
            told.add(row["key"])
            progress.say(f"{len(told)} of {len(asked)}: {_in_words(row)}")
        if new:
            pace = (time.monotonic() - began) / (len(told) - before)
            best = min((row["esr"] for row in rows if "esr" in row), default=float("nan"))
            progress.step(len(told) / len(asked), float("nan"), best, pace * (len(asked) - len(told)))


def _is_over(row: Mapping[str, Any]) -> bool:
    return row["state"] in ("complete", "fail")


def _in_words(row: Mapping[str, Any]) -> str:
    varied = ", ".join(f"{name} {value}" for name, value in row["varied"].items())
    end = (
        f"ESR {row['esr']:.4f} in {row['seconds']:.0f} s" if row["state"] == "complete" else f"failed: {row['reason']}"
    )
    return f"{row['name']}{f' ({varied})' if varied else ''}: {end}"
