"""The level of a recording over time, followed against what the model plays: one linear solve."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ddspfx.block import AbstractBlock
from ddspfx.blocks.level import Level
from ddspfx.fit.judge import play
from ddspfx.fit.latents import Latents
from ddspfx.fit.refine import LEAST_LEVEL, LEVELLING_S, TEMPER
from ddspfx.fit.takes import Take
from ddspfx.listing import walk
from ddspfx.signal.spline import basis, held
from ddspfx.source.trajectory import Trajectory

KNOTS = 25
"""A second: a drop-out of a tape lasts longer than 40 ms."""
WANDER_DB = 0.4
"""Standard deviation of what the level wanders in a second."""
LARGEST_MOVE_DB = 3.0
"""That a knot may move at once."""
DEEPEST_DB, LOUDEST_DB = -30.0, 15.0
"""What a level may become."""
DB = 20 / np.log(10)
"""Decibels in a natural logarithm's unit."""


def level_path(model: Any) -> str | None:
    """The slot of the model's first `Level`, where a recording's own level goes; None without one."""
    for path, node, _ in walk(model):
        if isinstance(node, Level):
            return f"{path}.level"
    return None


def even(take: Take) -> Trajectory:
    """A level of 0 dB for the length of a take, to be followed."""
    return Trajectory.zero(take.count / take.sample_rate, take.sample_rate, KNOTS)


def levels_followed(
    model: AbstractBlock, latents: Latents, takes: Sequence[Take], *, hold_mean: bool = True
) -> Latents:
    """The latents with each recording's level moved to where the waveform's error is least.

    y(t) ~ (1 + a(t)) ŷ(t), a a cubic spline of 25 knots a second; its differences are those of a random walk. With
    `hold_mean` the mean over all recordings stays, since it trades with the device's own gain. Without a `Level` in
    the model, nothing happens.
    """
    path = level_path(model)
    if path is None or path not in latents:
        return latents
    node = latents[path]
    knots = np.asarray(node.knots, np.float64)
    moves = [
        level_step(play(model, latents, take, row), take.wet, knots[row] / DB, take.sample_rate, take.inside)
        for row, take in enumerate(takes)
    ]
    moved = knots + np.clip(DB * np.stack(moves), -LARGEST_MOVE_DB, LARGEST_MOVE_DB)
    if hold_mean:
        moved = moved - np.mean([_mean(row, take) for row, take in zip(moved, takes, strict=True)])
    moved = np.clip(moved, DEEPEST_DB, LOUDEST_DB)
    return {**latents, path: eqx.tree_at(lambda t: t.knots, node, jnp.asarray(moved, node.knots.dtype))}


def _mean(knots: Float[np.ndarray, " knots"], take: Take) -> float:
    """Of the level while the take is compared: before and after, knots only hold."""
    start, stop = (edge / take.sample_rate * KNOTS for edge in take.inside)
    return float(np.mean(knots[int(start) + 1 : int(stop) + 2]))


def level_step(
    played: Float[np.ndarray, "channels samples"],
    wet: Float[np.ndarray, "channels samples"],
    knots: Float[np.ndarray, " knots"],
    sample_rate: int,
    inside: tuple[int, int],
) -> Float[np.ndarray, " knots"]:
    """By how much the knots of the logarithm of the gain move."""
    from scipy.linalg import solveh_banded
    from scipy.ndimage import uniform_filter1d

    start, stop = inside
    y = np.asarray(played, np.float64)[:, start:stop]
    residual = np.asarray(wet, np.float64)[:, start:stop] - y
    local = uniform_filter1d(np.mean(residual**2, axis=0), max(16, round(LEVELLING_S * sample_rate)))
    weight = TEMPER / np.maximum(local, LEAST_LEVEL * local.mean() + 1e-30)
    power, pull = weight * np.sum(y**2, axis=0), weight * np.sum(y * residual, axis=0)
    index, u = held(np.arange(start, stop) / sample_rate * KNOTS, knots.size)
    taps = basis(u)
    bands, right = np.zeros((4, knots.size)), np.zeros(knots.size)
    for j in range(4):
        right += np.bincount(index + j, taps[j] * pull, knots.size)
        for k in range(j + 1):
            bands[j - k] += np.bincount(index + k, taps[j] * taps[k] * power, knots.size)
    add_walk(bands, right, knots)
    step: Float[np.ndarray, " knots"] = solveh_banded(bands, right, lower=True)
    return step


def add_walk(bands: Any, right: Any, knots: Any) -> None:
    """The prior of a random walk about its last value, and a faint pull to 0 dB where nothing plays."""
    firm = (DB / WANDER_DB) ** 2 * KNOTS
    bend = firm * np.diff(knots)
    bands[0, :-1] += firm
    bands[0, 1:] += firm
    bands[1, :-1] -= firm
    right[:-1] += bend
    right[1:] -= bend
    faint = 1e-3 * firm
    bands[0] += faint
    right -= faint * knots
