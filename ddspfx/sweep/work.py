"""One worker of a sweep: claims a fit, fits, records, until nothing is left. `python -m ddspfx.sweep.work FOLDER`."""

import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

from ddspfx.data.pair import Pair
from ddspfx.fit.auto import CANDIDATES, fit_auto
from ddspfx.fit.progress import Lines, Progress
from ddspfx.fit.run import Run
from ddspfx.fit.settings import Settings
from ddspfx.sweep.plan import Fit
from ddspfx.sweep.study import Claim, Study

EXPECTED = (ValueError, TypeError, OSError, MemoryError, FloatingPointError)
"""What a recording or a setting may be to blame for; anything else ends the worker."""
WAIT_S, WATCH_S = 1.0, 1.0


def work(folder: Path, progress: Progress | None = None) -> None:
    """Fits until every fit of the sweep in `folder` is over: one whose worker dies is taken by another."""
    study, progress = Study(folder), progress or Lines()
    while not study.is_over():
        with study.claimed() as claim:
            if claim is not None:
                _done(study, claim, progress)
        if claim is None:
            time.sleep(WAIT_S)


def _done(study: Study, claim: Claim, progress: Progress) -> None:
    """One fit, recorded with its figures or the reason why it failed."""
    fit, began = claim.fit, (time.monotonic(), time.process_time())
    place = study.place(fit.key)
    progress.say(f"{fit.name} {fit.varied or ''}: start {claim.starts}")
    try:
        run = fitted(fit, place, progress)
    except EXPECTED as error:
        study.failed(claim.number, " ".join(str(error).split()) or type(error).__name__)
        return
    esr = float(run.figures.get("esr_validation", run.figures["esr_training"]))
    study.finished(claim.number, esr, {**_figures(run), "esr": esr, **_costs(place, began)})


def fitted(fit: Fit, place: Path, progress: Progress) -> Run:
    """The fit in its folder, gone on with from its own checkpoint where it was begun before."""
    pairs = [Pair.read(row.dry, row.wet, row.controls) for row in fit.recordings]
    names = CANDIDATES if fit.model == "auto" else (fit.model,)
    settings = Settings(**fit.settings)
    return fit_auto(
        pairs, minutes=fit.minutes, out=place, resume=True, names=names, settings=settings, progress=progress
    )


def _figures(run: Run) -> dict[str, Any]:
    kept = ("model", "esr_validation", "esr_training", "parameters")
    return {name: run.figures[name] for name in kept if name in run.figures}


def _costs(place: Path, began: tuple[float, float]) -> dict[str, Any]:
    """Seconds since the last start, by the clock and of all cores; this worker's most memory; what is in the folder."""
    import resource

    unit = 2**20 if sys.platform == "darwin" else 2**10
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    size = sum(file.stat().st_size for file in place.rglob("*") if file.is_file())
    seconds, cores = time.monotonic() - began[0], time.process_time() - began[1]
    cost = {"seconds": round(seconds, 2), "core_seconds": round(cores, 2)}
    return {**cost, "memory_mb": round(memory / unit), "bytes": size}


def watch(parent: int) -> None:
    """Ends this process when its parent has ended: a sweep that was killed must not go on unseen."""

    def look() -> None:
        while os.getppid() == parent:
            time.sleep(WATCH_S)
        os._exit(1)

    threading.Thread(target=look, daemon=True).start()


if __name__ == "__main__":
    watch(os.getppid())
    work(Path(sys.argv[1]))
