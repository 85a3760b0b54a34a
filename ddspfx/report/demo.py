"""`ddspfx demo`: a tape machine modelled from a recording, from the files to the page, in one go."""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from ddspfx.audio import read_audio
from ddspfx.data.pair import Pair
from ddspfx.data.recording import Recording
from ddspfx.fit.auto import fit_auto
from ddspfx.fit.judge import play
from ddspfx.fit.known import prepared
from ddspfx.fit.latents import stack
from ddspfx.fit.profile import phase
from ddspfx.fit.progress import Progress, Silent
from ddspfx.fit.run import Run
from ddspfx.fit.scoring import Scored, score_pair
from ddspfx.fit.solve import solved
from ddspfx.models.catalogue import RECIPES
from ddspfx.models.recipe import Setting
from ddspfx.report.excerpts import write_excerpts
from ddspfx.report.page import write_report
from ddspfx.storage import write_atomically

FOLDER = Path(__file__).parents[1] / "data/demo"
HELD_OUT = 0.25
"""Share of the recording, its end, that the fit never sees."""
CANDIDATES = ("linear", "tape")
MINUTES = 2.0


def demo_pair() -> Pair:
    """The embedded pair: CC0 music through a tape simulator and two vibratos; `benchmarks/demo_pair.py` makes it."""
    dry, wet = (Recording(*read_audio(FOLDER / f"{name}.flac"), name=name) for name in ("dry", "wet"))
    return Pair(dry, wet)


def parted(pair: Pair, share: float = HELD_OUT) -> tuple[Pair, Pair]:
    """The pair without its end, and its end."""
    split = round((1 - share) * pair.wet.samples.shape[1])

    def cut(recording: Recording, part: slice, word: str) -> Recording:
        return Recording(recording.samples[:, part], recording.sample_rate, f"{recording.name} {word}")

    first, last = slice(0, split), slice(split, None)
    return (
        Pair(cut(pair.dry, first, "fitted"), cut(pair.wet, first, "fitted"), pair.controls),
        Pair(cut(pair.dry, last, "held out"), cut(pair.wet, last, "held out"), pair.controls),
    )


def linear_reference(scored: Scored) -> tuple[float, Any]:
    """ESR and output of the best linear response to the held-out seconds themselves, with the same trajectory.

    It is fitted to the very seconds it is judged on, so nothing linear and time-invariant of its length does better.
    """
    take, trajectory = scored.take, scored.trajectory
    rate = take.sample_rate
    bounds = (0.0, 0.0) if trajectory is None else trajectory.bounds() or (0.0, 0.0)
    span = None if trajectory is None else (min(bounds[0], 0.0) - 1e-3, max(bounds[1], 0.0) + 1e-3)
    model: Any = RECIPES["linear"].build(Setting(rate, span))
    latents = {} if trajectory is None else {"transport.delay": stack([trajectory])}
    model = solved(model, "replay", latents, [take], [take.inside])
    start, stop = take.inside
    y = play(model, latents, take, 0)
    wet = take.wet[:, start:stop].astype(np.float64)
    return float(np.sum((y[:, start:stop] - wet) ** 2) / np.sum(wet**2)), y


def run_demo(
    out: Path, minutes: float = MINUTES, progress: Progress | None = None, kept: Path | None = None
) -> dict[str, Any]:
    """Aligns, tracks and fits the embedded pair without its last quarter, scores that quarter, writes the page.

    `kept` is a folder in which the alignment stays between runs.
    """
    progress = progress or Silent()
    began = time.monotonic()
    with phase("data"):
        fitted, held = parted(demo_pair())
    take = prepared(fitted, kept, progress.say)
    run = fit_auto([take], minutes=minutes, out=out, names=CANDIDATES, progress=progress)
    with phase("report"):
        figures = judge(run, held, out, progress)
    figures["seconds"] = round(time.monotonic() - began, 1)
    write_atomically(out / "demo.json", json.dumps(figures, indent=1).encode())
    return figures


def judge(run: Run, held: Pair, out: Path, progress: Progress) -> dict[str, Any]:
    """Scores a run on a pair it never saw, beside the best linear response, and writes excerpts and page."""
    scored = score_pair(run, held, progress=progress)
    linear, heard = linear_reference(scored)
    better = 10 * np.log10(linear / max(scored.score.esr, 1e-12))
    progress.say(
        f"held-out ESR {scored.score.esr:.4f}; best linear filter with the same trajectory {linear:.4f}: "
        f"{better:.1f} dB better"
    )
    figures = {"esr": scored.score.esr, "esr_linear": linear, "better_than_linear_db": better, **run.figures}
    told = Run(
        run.model,
        run.sample_rate,
        run.settings,
        run.latents,
        run.recordings,
        run.history,
        {**run.figures, "esr_held_out": scored.score.esr, "esr_linear_held_out": linear},
        [*run.findings, f"On the held-out seconds it is {better:.1f} dB better than the best linear filter."],
    )
    told.save(out)
    write_excerpts(told, scored, out, linear=heard)
    progress.say(f"look and listen: {write_report(out)}")
    return figures
