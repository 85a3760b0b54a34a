"""`fit --model auto`: grey and black candidates, tried in turn; what wins on unseen seconds goes on."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from ddspfx.data.pair import Pair
from ddspfx.fit.devices import writes
from ddspfx.fit.findings import findings
from ddspfx.fit.fit import fit
from ddspfx.fit.plan import begun
from ddspfx.fit.plan import planned as plan_of
from ddspfx.fit.progress import Progress, Silent
from ddspfx.fit.run import NAME, Run
from ddspfx.fit.settings import Settings
from ddspfx.fit.takes import Take, prepare, understood
from ddspfx.generators.transport import with_transport_of
from ddspfx.models.catalogue import RECIPES
from ddspfx.models.recipe import Recipe, Setting

CANDIDATES = ("linear", "curve", "tape", "hysteresis", "compressor", "gru")
TRIAL = 0.1
"""Share of the time that each candidate is given before the best goes on alone."""
BELIEVED = 0.6
"""Share of the minutes that is planned; the rest is left for compiling, tracking and slower machines."""
MOVES = 0.15
"""Samples of standard deviation below which a tracked delay counts as standing still."""
ALIKE = 1.03
"""Validation errors closer than that are not told apart; the smaller model is kept."""
ROOM = 1.3
"""Of the tracked span: how far the delay line reaches."""
GRID = 1.25
"""Ratio of the lengths that a delay line may have: recordings that wander alike share their compiled programs."""


def wander(takes: Sequence[Take]) -> tuple[float, float] | None:
    """The span that a delay line needs for these takes, seconds about zero; None where time stands still."""
    spans = []
    for take in takes:
        if take.trajectory is None:
            continue
        start, stop = take.inside
        delay = take.trajectory(np.linspace(start, stop, 4_000) / take.sample_rate)
        if np.std(delay) * take.sample_rate > MOVES:
            spans.append(float(np.max(np.abs(take.trajectory.bounds() or delay))))
    if not spans:
        return None
    reach = 1e-3 * GRID ** np.ceil(np.log(1e3 * ROOM * max(spans) + 1) / np.log(GRID))
    return (-float(reach), float(reach))


def knobs(takes: Sequence[Take]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """The knobs that the recordings name: numbers with the range they span, words as choices.

    Raises ValueError for a knob that is a number in one recording and a word in another.
    """
    numbers, choices = [], []
    for name in dict.fromkeys(name for take in takes for name in take.controls):
        values = [take.controls[name] for take in takes if name in take.controls]
        spoken = [value for value in values if isinstance(value, str)]
        numeric = [float(value) for value in values if not isinstance(value, str)]
        if spoken and numeric:
            raise ValueError(f"control {name!r} is {spoken[0]!r} and {numeric[0]:g}: use one kind")
        if spoken:
            choices.append((name, tuple(sorted(set(spoken)))))
        elif min(numeric) < max(numeric):
            numbers.append((name, min(numeric), max(numeric)))
        else:
            numbers.append((name, numeric[0] - 0.5, numeric[0] + 0.5))
    return tuple(numbers), tuple(choices)


def passes(recipe: Recipe, minutes: float, settings: Settings) -> int:
    """How many passes fit into `minutes`, from the recipe's nominal cost."""
    samples = settings.sequences * settings.segment * settings.chunks
    return max(1, int(60 * minutes / (1e-6 * recipe.cost * samples)))


def fit_auto(
    pairs: Sequence[Pair | Take],
    *,
    minutes: float = 5.0,
    out: str | Path | None = None,
    resume: bool = False,
    names: Sequence[str] = CANDIDATES,
    settings: Settings | None = None,
    progress: Progress | None = None,
    **changes: Any,
) -> Run:
    """Aligns, tracks, tries the candidates by name and keeps what wins on unseen seconds within `minutes`.

    Every candidate is given the same share of the time, the best one the rest. The plan is made from nominal
    costs, not from a clock, so the same call does the same steps. With `out`, each candidate leaves its run in
    `out/candidates`; `resume` skips what is done. Settings that are given win over the plan and over what a
    model asks for. The run says in words what was found. Raises ValueError when `resume` meets another fit.
    """
    progress = progress or Silent()
    settings = (settings or Settings()).with_changes(**changes)
    given = [pairs] if isinstance(pairs, Pair | Take) else list(pairs)
    takes = [p if isinstance(p, Take) else prepare(p, say=progress.say) for p in given]
    folder = None if out is None else Path(out)
    resume = begun(folder, plan_of(takes, names, settings), resume)
    span = wander(takes) if settings.time != "none" else None
    still = span is None
    if still:
        settings = settings.with_changes(time="none")
    setting = Setting(takes[0].sample_rate, span, jax.random.key(settings.seed), *knobs(takes))
    trial = minutes * BELIEVED * (TRIAL if len(names) > 1 else 1.0)
    runs: dict[str, Run] = {}
    for name in names:
        runs[name] = _tried(RECIPES[name], setting, takes, trial, folder, resume, settings, progress)
        progress.say(f"{name}: validation ESR {_esr(runs[name]):.4f}")
    best = winner(runs)
    left = minutes * BELIEVED * (1 - TRIAL * len(names))
    run = runs[best]
    if left > 0 and len(names) > 1:
        run = _continued(RECIPES[best], run, takes, left, folder, resume, settings, progress)
    table = {name: {"esr": _esr(r), "parameters": r.figures["parameters"]} for name, r in runs.items()}
    run = _told(run, best, table, takes)
    if folder is not None and writes():
        run.save(folder)
    return run


def winner(runs: Mapping[str, Run]) -> str:
    """The model with the fewest numbers among those that come within `ALIKE` of the least validation error."""
    least = min(_esr(run) for run in runs.values())
    alike = [name for name, run in runs.items() if _esr(run) <= ALIKE * least]
    return min(alike, key=lambda name: int(runs[name].figures["parameters"]))


def _esr(run: Run) -> float:
    return float(run.figures.get("esr_validation", run.figures["esr_training"]))


def _planned(recipe: Recipe, minutes: float, settings: Settings) -> Settings:
    """The settings for one model: the plan, over it what the model asks for, over both what was given."""
    plan = {"passes": passes(recipe, minutes, settings), **recipe.settings}
    return settings.with_changes(**{name: plan[name] for name in plan if name not in settings.model_fields_set})


def _tried(
    recipe: Recipe,
    setting: Setting,
    takes: Sequence[Take],
    minutes: float,
    folder: Path | None,
    resume: bool,
    settings: Settings,
    progress: Progress,
) -> Run:
    """One candidate's share of the time, or what it left when it already had it."""
    own = None if folder is None else folder / "candidates" / recipe.name
    planned = _planned(recipe, minutes, settings)
    done = _done(own, planned) if resume else None
    if done is not None:
        return done
    progress.say(f"{recipe.name}: {recipe.summary}; {planned.passes} passes")
    model = recipe.build(setting)
    heard = [understood(take, model) for take in takes]
    return fit(model, heard, settings=planned, out=own, resume=resume, progress=progress)


def _done(folder: Path | None, planned: Settings) -> Run | None:
    """The run in a candidate's folder; None where it is not finished, or more passes are planned now."""
    if folder is None or not (folder / NAME).is_file():
        return None
    run = Run.load(folder)
    return run if run.settings.passes >= planned.passes else None


def _continued(
    recipe: Recipe,
    run: Run,
    takes: Sequence[Take],
    minutes: float,
    folder: Path | None,
    resume: bool,
    settings: Settings,
    progress: Progress,
) -> Run:
    """The winner, on from where it stands."""
    planned = _planned(recipe, minutes, settings)
    if planned.passes < 1:
        return run
    progress.say(f"{recipe.name} goes on: {planned.passes} passes")
    latents = run.latents or None
    own = None if folder is None else folder / "candidates" / f"{recipe.name}-on"
    longer = _done(own, planned) if resume else None
    if longer is None:
        heard = [understood(take, run.model) for take in takes]
        longer = fit(run.model, heard, settings=planned, latents=latents, out=own, resume=resume, progress=progress)
    return longer if _esr(longer) <= _esr(run) else run


def _told(run: Run, best: str, table: dict[str, dict[str, Any]], takes: Sequence[Take]) -> Run:
    figures = {**run.figures, "model": best, "candidates": table}
    rows = run.delays if run.settings.time != "demodulated" else [take.trajectory for take in takes]
    model = with_transport_of(run.model, rows)
    final = {**table, best: {**table[best], "esr": _esr(run)}}
    sentences = findings(run, best, final, takes)
    return Run(
        model,
        run.sample_rate,
        run.settings,
        run.latents,
        run.recordings,
        run.history,
        figures,
        sentences,
        run.confidence,
    )
