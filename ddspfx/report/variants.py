"""What else can be heard of a run: its noise, its tape standing still, the wet restored, another take, one effect."""

from collections.abc import Iterator, Sequence
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Float

from ddspfx.alignment.restore import centred
from ddspfx.block import AbstractBlock, quiet
from ddspfx.fit.judge import LEAD_S, play
from ddspfx.fit.latents import Latents, bind, stack, unstack
from ddspfx.fit.scoring import Scored
from ddspfx.fit.takes import Take, delay_path
from ddspfx.generators.transport import with_transport_of
from ddspfx.render import render
from ddspfx.report.effects import Effect, alone
from ddspfx.source.trajectory import Trajectory

Signal = Float[np.ndarray, "channels samples"]
_FIRST, _OTHER = 0, 1
"""Keys of the take that the fit's own noise is played with, and of another take."""


def variants(model: AbstractBlock, scored: Scored, part: tuple[int, int]) -> dict[str, Signal]:
    """By name, (channels, samples) of the scored take's `part`; only what differs from the quiet model is there.

    `full` is the model with its noise. `still` is the quiet model with its delay held at the trajectory's mean:
    without transport. `restored` is the wet with the trajectory undone, its mean delay kept. `take` is the model
    as another recording would have it: the transport that it generates, and noise, from another key.
    """
    take, path = scored.take, delay_path(model)
    found: dict[str, Signal] = {}
    latents: Latents = {} if path is None or scored.trajectory is None else {path: stack([scored.trajectory])}
    own = bind(model, unstack(latents, 0), take.controls)
    if _is_random(own):
        found["full"] = _played(own, take, part, _FIRST)
    if path is not None and scored.trajectory is not None:
        held = {path: stack([_held(scored.trajectory, take.sample_rate)])}
        found["still"] = play(model, held, take, 0, part)
        found["restored"] = restored(take, scored.trajectory)[:, part[0] : part[1]]
    other = bind(with_transport_of(model, [scored.trajectory]), {}, take.controls)
    if _is_random(other) or "still" in found:
        found["take"] = _played(other, take, part, _OTHER)
    return found


def each_alone(
    model: AbstractBlock, effects: Sequence[Effect], scored: Scored, part: tuple[int, int]
) -> Iterator[tuple[str, Signal]]:
    """The part's dry through each effect of the model with all else bypassed, the trajectory in its place."""
    take, path = scored.take, delay_path(model)
    latents: Latents = {} if path is None or scored.trajectory is None else {path: stack([scored.trajectory])}
    own = bind(model, unstack(latents, 0), take.controls)
    for effect in effects:
        yield effect.name, _played(alone(own, effect), take, part, _FIRST)


def restored(take: Take, trajectory: Trajectory) -> Signal:
    """The wet with its wow and flutter taken out: the trajectory's mean over the take stays."""
    wet: Signal = centred(trajectory, take.count / take.sample_rate).undo(take.wet, take.sample_rate)
    return wet


def _held(trajectory: Trajectory, sample_rate: int) -> Trajectory:
    """A tape that runs evenly at the trajectory's mean delay."""
    knots = np.asarray(trajectory.knots)
    mean = np.full(knots.shape, np.mean(knots, axis=-1, keepdims=True))
    return Trajectory(trajectory.base, mean, sample_rate, trajectory.rate)


def _played(model: AbstractBlock, take: Take, part: tuple[int, int], key: int) -> Signal:
    """The model on a part of the dry, from a little before it."""
    start, stop = part
    lead = min(start, round(LEAD_S * take.sample_rate))
    y: Any = render(model, take.dry[:, start - lead : stop], take.sample_rate, key=key, start=start - lead)
    heard: Signal = np.asarray(y)[:, lead:]
    return heard


def _is_random(model: AbstractBlock) -> bool:
    """Whether anything in the model is silenced by `quiet`."""
    return not bool(eqx.tree_equal(quiet(model), model))
