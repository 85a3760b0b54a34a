"""A fitted device against a pair it may never have heard: rendered, compared, and where asked tracked."""

import dataclasses
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ddspfx.alignment.align import align
from ddspfx.alignment.track import track
from ddspfx.block import AbstractBlock
from ddspfx.data.pair import Pair
from ddspfx.fit.judge import play
from ddspfx.fit.latents import Latents, stack, unstack
from ddspfx.fit.level import even, level_path, levels_followed
from ddspfx.fit.progress import Progress, Silent
from ddspfx.fit.refine import refined
from ddspfx.fit.run import Run
from ddspfx.fit.takes import Take, delay_path, in_place, line_of, prepare, still, understood
from ddspfx.metrics.score import Score, score
from ddspfx.source.trajectory import Trajectory

ROUNDS = 8
"""Gauss-Newton steps of the delay on a pair to be scored."""
LEVEL_ROUNDS = 2
"""Times that the level of a pair to be scored is followed, and its delay once more."""


@dataclass(frozen=True, eq=False)
class Scored:
    """The figures, what was compared, and the delay that was found in the pair (None when it was not tracked)."""

    score: Score
    take: Take
    prediction: Float[np.ndarray, "channels samples"]
    trajectory: Trajectory | None


def score_pair(
    model: AbstractBlock | Run, pair: Pair | Take, *, tracked: bool = True, progress: Progress | None = None
) -> Scored:
    """Renders the quiet model on a pair and compares it with the wet; the device's parameters are not touched.

    The pair is aligned (offset, speed, polarity: these belong to it). With `tracked`, and a model that has a
    delay line, its delay is estimated on this pair against the model's own output. Only output whose source
    lies inside the dry file, less 50 ms at each end, is compared. Raises ValueError when the pair is at another
    sample rate than the run was fitted at, or overlaps too little.
    """
    progress = progress or Silent()
    device = model.model if isinstance(model, Run) else model
    take = pair if isinstance(pair, Take) else prepare(pair, tracked=False, say=progress.say)
    if isinstance(model, Run) and take.sample_rate != model.sample_rate:
        raise ValueError(
            f"{take.name} is at {take.sample_rate} Hz, but the model was fitted at {model.sample_rate} Hz: resample it"
        )
    take = understood(take, device)
    path = delay_path(device)
    take, standing = _settled(device, take, path)
    latents = standing
    if tracked and path is not None:
        latents = tracked_on(device, take, path, standing)
    prediction = play(device, latents, take, 0)
    start, stop = take.inside
    figures = score(prediction, take.wet, take.sample_rate, start=start, stop=stop)
    found = unstack(latents, 0)[path] if tracked and path is not None else None
    return Scored(figures, take, prediction, found)


def _still(device: AbstractBlock, take: Take, path: str | None) -> Latents:
    """A delay line that stands still at zero, or as near as it gets."""
    if path is None:
        return {}
    return {path: stack([still(take, line_of(device, path))])}


def _settled(device: AbstractBlock, take: Take, path: str | None) -> tuple[Take, Latents]:
    """The dry moved so that the model's output, not the dry itself, lies on the wet."""
    standing = _still(device, take, path)
    start, stop = take.inside
    played = play(device, standing, take, 0)[:, start:stop]
    if not np.any(played):
        return take, standing
    rest = align(played, take.wet[:, start:stop], take.sample_rate)
    if rest.confidence < 0.3 or abs(rest.latency) > 0.5:
        return take, standing
    shift = dataclasses.replace(rest, speed=1.0, length=take.count, swapped=False)
    return dataclasses.replace(take, dry=shift.warp(take.dry).astype(np.float32)), standing


def tracked_on(device: AbstractBlock, take: Take, path: str, standing: Latents, rounds: int = ROUNDS) -> Latents:
    """The trajectory of one take: tracked against the model's output at a standing delay, then refined with it.

    So is its level, where the model has a `Level`.
    """
    heard = play(device, standing, take, 0)
    there = dataclasses.replace(in_place(take.alignment), length=take.count)  # the take may be a part
    found = track(heard, take.wet, take.sample_rate, alignment=there)
    line, base = line_of(device, path), unstack(standing, 0)[path].base
    limits = np.array([line.shortest, line.longest])
    moved = Trajectory(found.base + base, found.knots, found.sample_rate, found.rate)
    room = limits - float(moved.base) / take.sample_rate
    moved = eqx.tree_at(lambda t: t.knots, moved, jnp.clip(moved.knots, room[0], room[1]))
    latents = refined(device, {path: stack([moved])}, [take], rounds=rounds, hold_mean=False)
    level = level_path(device)
    if level is None:
        return latents
    latents = {**latents, level: stack([even(take)])}
    for _ in range(LEVEL_ROUNDS):
        latents = levels_followed(device, latents, [take], hold_mean=False)
        latents = refined(device, latents, [take], rounds=rounds, hold_mean=False)
    return latents


def score_files(prediction: Any, target: Any, sample_rate: int) -> Score:
    """Two recordings of the same length compared as they are, less 50 ms at each end."""
    margin = round(0.05 * sample_rate)
    count = target.shape[-1]
    inside = (margin, count - margin) if count > 4 * margin else (0, count)
    return score(prediction, target, sample_rate, start=inside[0], stop=inside[1])
