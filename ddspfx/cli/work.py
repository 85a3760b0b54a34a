"""The work behind each command: files in, one function of the library, figures out."""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ddspfx.audio import audio_info, read_audio, writer
from ddspfx.cli.cache import kept
from ddspfx.cli.checks import finished_run, heard, known_model, minutes_of, not_over, pair_of, pilot_of, run_folder
from ddspfx.cli.emit import note
from ddspfx.cli.profiling import told, watched
from ddspfx.cli.unbroken import load
from ddspfx.data.pair import Pair
from ddspfx.fit.profile import Profile, phase

Figures = dict[str, Any]


def align(dry: Path, wet: Path, transport: str = "tape") -> Figures:
    """Where wet lies against dry."""
    pair = pair_of(dry, wet)
    from ddspfx.alignment.align import align as find

    found = find(pair.dry.samples, pair.wet.samples, pair.sample_rate, transport=transport)
    for warning in found.warnings:
        note(f"warning: {warning}")
    return {
        "latency_s": found.latency,
        "latency_samples": found.latency * found.sample_rate,
        "drift_s": found.drift,
        "polarity": found.polarity,
        "gain": found.gain,
        "speed": found.speed,
        "swapped": found.swapped,
        "offset_s": found.offset,
        "confidence": found.confidence,
        "jumps_s": found.jumps,
        "warnings": found.warnings,
    }


def track(dry: Path, wet: Path, out: Path | None, pilot: str | None = None, transport: str = "tape") -> Figures:
    """How the delay between dry and wet moves."""
    if out is not None:
        not_over(out, dry, wet)
    pair = pair_of(dry, wet)
    load("ddspfx.alignment.track")
    from ddspfx.alignment.track import track as find

    found = find(pair.dry.samples, pair.wet.samples, pair.sample_rate, pilot=pilot_of(pilot), transport=transport)
    if out is not None:
        found.to_csv(out)
    times = np.arange(0, pair.wet.duration, 1 / 400)
    delay = np.atleast_2d(found.rest(times))
    return {
        "mean_delay_s": float(delay.mean()),
        "deviation_s": float(delay.std()),
        "peak_to_peak_s": float(np.ptp(delay)),
        "speed_deviation_percent": 100 * float(np.std(np.diff(delay) * 400)),
        "drift": found.drift,
        "jumps_s": found.jumps,
        "duration_s": pair.wet.duration,
        "knots": int(found.knots.shape[-1]),
        "knots_per_s": found.rate,
        "csv": None if out is None else str(out),
    }


def fit(
    dry: Path | None,
    wet: Path | None,
    manifest: Path | None,
    model: str,
    out: Path,
    minutes: float | None,
    config: Path | None,
    resume: bool,
    profile: Profile | None = None,
) -> Figures:
    """A model fitted to a pair, or to the pairs of a manifest, in a run folder."""
    from ddspfx.cli.config import read_config

    known_model(model, also=("auto",))
    explicit = {} if config is None else read_config(config)
    planned = explicit.pop("minutes", None)
    minutes = minutes_of(minutes if minutes is not None else 5.0 if planned is None else planned)
    with run_folder(out) as folder:
        pairs = _pairs(dry, wet, manifest)
        load("ddspfx.fit.auto", "ddspfx.report.excerpts", "scipy.signal", "rich.progress")
        from ddspfx.cli.following import following
        from ddspfx.fit.auto import CANDIDATES, fit_auto
        from ddspfx.fit.known import prepared
        from ddspfx.fit.settings import Settings

        names = CANDIDATES if model == "auto" else (model,)
        settings = Settings(**explicit)
        with watched(profile):
            with following() as progress:
                takes = [prepared(pair, kept(), progress.say) for pair in pairs]
                run = fit_auto(
                    takes, minutes=minutes, out=folder, resume=resume, names=names, settings=settings, progress=progress
                )
            with phase("report"):
                _excerpts(run, pairs, folder)
        seconds = told(profile, folder)
    return {"run": str(out), **run.figures, "sample_rate": run.sample_rate, "findings": run.findings, **seconds}


def _excerpts(run: Any, pairs: list[Any], folder: Path) -> None:
    from ddspfx.report.excerpts import write_excerpts

    try:
        write_excerpts(run, pairs, folder)
    except ValueError as error:  # the run itself is whole, and its page says that there is nothing to be heard
        note(f"no excerpts for the report: {error}")


def _pairs(dry: Path | None, wet: Path | None, manifest: Path | None) -> list[Any]:
    if manifest is not None:
        from ddspfx.data.manifest import read_manifest

        if dry is not None:
            raise ValueError(f"DRY is {dry} and --pairs is {manifest}, but only one may be given: leave one out")
        return [heard(pair) for pair in read_manifest(manifest)]
    if dry is None or wet is None:
        raise ValueError(f"{'DRY' if dry is None else 'WET'} is missing: give DRY and WET, or --pairs MANIFEST")
    return [pair_of(dry, wet)]


def render(
    model: str,
    source: Path,
    out: Path,
    control: Sequence[str],
    block_size: int,
    seed: int,
    preset: str | None = None,
) -> Figures:
    """A file through a model."""
    from ddspfx.cli import model as models

    if block_size < 1:
        raise ValueError(f"--block-size is {block_size}, but must be at least 1 sample: leave it out for a good one")
    settings = models.settings_of(control)
    models.known(model)
    info = audio_info(source)
    not_over(out, source)
    with writer(out, info.channels, info.sample_rate) as write:
        load("ddspfx.stream", "ddspfx.render", "ddspfx.fit.run")
        block, rate = models.found(model, info.sample_rate, preset)
        block = models.turned(block, settings)
        from ddspfx.cli.playing import played_file

        for piece in played_file(source, info, block, rate, block_size, seed):
            write(piece)
    return {
        "out": str(out),
        "seconds": info.frames / info.sample_rate,
        "channels": info.channels,
        "sample_rate": info.sample_rate,
        "latency_removed_samples": block.latency(rate or info.sample_rate),
    }


SCORED = ["esr", "esr_mean", "mae", "mr_stft", "latency_samples", "noise_db", "scored_from_s", "scored_to_s"]


def score(first: Path, second: Path) -> Figures:
    """A rendering against its target."""
    pair = Pair.read(first, second)
    given, target = pair.dry.samples, pair.wet.samples
    count = min(given.shape[1], target.shape[1])
    if given.shape != target.shape:
        note(f"PREDICTION has {given.shape[1]} samples and TARGET {target.shape[1]}: the first {count} are compared")
    load("ddspfx.fit.scoring")
    from ddspfx.fit.scoring import score_files

    return _figures(score_files(given[:, :count], target[:, :count], pair.sample_rate))


def score_run(folder: Path, dry: Path, wet: Path, tracked: bool, save: Path | None) -> Figures:
    """A fitted device on a pair that it may never have heard."""
    finished_run(folder)
    if save is not None:
        not_over(save, dry, wet)
    pair = pair_of(dry, wet)
    with contextlib.ExitStack() as stack:
        write = stack.enter_context(writer(save, pair.channels, pair.sample_rate)) if save is not None else None
        load("ddspfx.fit.scoring")
        from ddspfx.fit.progress import Lines
        from ddspfx.fit.run import Run
        from ddspfx.fit.scoring import score_pair

        scored = score_pair(Run.load(folder), pair, tracked=tracked, progress=Lines())
        if write is not None:
            write(scored.prediction)
    return _figures(scored.score)


def _figures(score: Any) -> Figures:
    from ddspfx.metrics.score import summary

    figures: Figures = summary([score])._asdict()
    return {name: figures[name] for name in SCORED}


def restore(wet: Path, out: Path, dry: Path | None, pilot: str | None, tone: float | None) -> Figures:
    """A transfer with its wow and flutter taken out."""
    given = [name for name, value in (("--dry", dry), ("--pilot", pilot), ("--tone", tone)) if value is not None]
    if len(given) != 1:
        raise ValueError(f"{' and '.join(given) or 'nothing'} given, but must be one of --dry, --pilot and --tone")
    not_over(out, wet, dry)
    x, rate = read_audio(wet)
    reference = None if dry is None else pair_of(dry, wet).dry.samples
    with writer(out, x.shape[0], rate) as write:
        load("ddspfx.alignment.restore")
        from ddspfx.alignment.restore import restore as undo

        restored, trajectory = undo(x, rate, dry=reference, pilot=pilot_of(pilot), tone=tone)
        write(restored)
    delay = np.atleast_2d(trajectory(np.arange(0, x.shape[1] / rate, 1 / 400)))
    speed = np.diff(delay) * 400
    return {
        "out": str(out),
        "seconds": x.shape[1] / rate,
        "removed_deviation_s": float(delay.std()),
        "removed_speed_deviation_percent": 100 * float(np.std(speed)),
    }


def report(folder: Path) -> Figures:
    """The page of a run."""
    finished_run(folder)
    load("ddspfx.report.page")
    from ddspfx.report.page import write_report

    return {"report": str(write_report(folder))}


def models(model: str | None) -> Figures:
    """The models that go by a name, or the slots and controls of one."""
    if model is None:
        load("ddspfx.models.catalogue")
        from ddspfx.models.catalogue import RECIPES

        return {name: f"{recipe.kind}: {recipe.summary}" for name, recipe in RECIPES.items()}
    from ddspfx.cli import model as asked

    asked.known(model)
    load("ddspfx.models.catalogue", "ddspfx.fit.run")
    block, rate = asked.found(model, 44_100)
    from ddspfx.control import Control, controls
    from ddspfx.listing import slots

    knobs = {
        name: f"{knob.range}, default {knob.default:g}" if isinstance(knob, Control) else ", ".join(knob.choices)
        for name, knob in controls(block).items()
    }
    values = {slot.path: f"{slot.text} {slot.range.unit}".rstrip() for slot in slots(block)}
    presets = {"presets": asked.presets(model)} if asked.presets(model) else {}
    return {"model": model, "sample_rate": rate or "any", **presets, "controls": knobs, "slots": values}


def sweep(config: Path, workers: int | None) -> Figures:
    """Many fits, as a file describes them."""
    load("ddspfx.fit.auto")
    from ddspfx.cli.config import read_sweep

    asked = read_sweep(config)
    asked = asked if workers is None else asked.model_copy(update={"workers": workers})
    load("ddspfx.sweep.sweep", "scipy.stats", "rich.progress")
    from ddspfx.cli.following import following
    from ddspfx.sweep.page import NAME
    from ddspfx.sweep.sweep import sweep as run

    with following() as progress:
        rows = run(asked, beside=config.parent, progress=progress)
    ends = [row["state"] for row in rows]
    return {
        "fits": len(rows),
        "done": ends.count("complete"),
        "failed": ends.count("fail"),
        "left": len(rows) - ends.count("complete") - ends.count("fail"),
        "best_esr": min((row["esr"] for row in rows if "esr" in row), default=None),
        "page": str(config.parent / asked.out / NAME),
    }


def demo(out: Path, minutes: float | None, profile: Profile | None = None) -> Figures:
    """The embedded tape recording, modelled while one watches."""
    if minutes is not None:
        minutes_of(minutes)
    with run_folder(out) as folder:
        load("ddspfx.report.demo")
        from ddspfx.cli.following import following
        from ddspfx.report.demo import MINUTES, run_demo

        with watched(profile), following() as progress:
            figures = run_demo(folder, minutes or MINUTES, progress, kept())
        return {**figures, **told(profile, folder)}
