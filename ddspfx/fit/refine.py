"""A tracked delay made finer with the model's own output: Gauss-Newton on the knots, the device untouched."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ddspfx.block import AbstractBlock
from ddspfx.blocks.delay import VariableDelay
from ddspfx.fit.judge import play
from ddspfx.fit.latents import Latents
from ddspfx.fit.takes import Take
from ddspfx.listing import get
from ddspfx.signal.spline import basis, held

WINDOW = 4096
"""Samples of the residual's spectrum, by whose root both sides are divided."""
LEVELLING_S = 0.06
"""Seconds over which the residual's level is followed."""
LEAST_LEVEL = 0.03
"""Of the mean level: below it a frame counts no more."""
TEMPER = 0.3
"""Share of the data's weight that is believed: the residual is model error, not noise."""
LEAST_SPEED = 5e-4
"""Relative speed deviation that every transport is granted."""
LARGEST_STEP = 2.0
"""Samples that a knot may move at once."""


def refined(
    model: AbstractBlock, latents: Latents, takes: Sequence[Take], *, rounds: int = 2, hold_mean: bool = True
) -> Latents:
    """The latents with every trajectory moved towards the least residual, as long as the residual falls.

    A delay that grows by a little e(t) makes the output y(t - e(t)), so the Jacobian is -y'(t) B_k(t) with B_k
    the spline's basis: no derivative of the model is needed, any model will do. Both sides are whitened by the
    residual's spectrum and level; the prior holds first and third differences of the knots. With `hold_mean` the
    mean of a single recording stays, since it trades with the device's own delay while that is fitted too.
    Source: Björck (1996), "Numerical methods for least squares problems", for the method; the Jacobian by the chain
    rule.
    """
    path = next((path for path in latents if isinstance(slot_owner(model, path), VariableDelay)), None)
    if path is None:
        return latents
    node = latents[path]
    hold_mean = hold_mean and len(takes) == 1
    rows = [_refined_row(model, latents, path, take, row, rounds, hold_mean) for row, take in enumerate(takes)]
    knots = jnp.asarray(np.stack(rows), node.knots.dtype)
    return {**latents, path: eqx.tree_at(lambda t: t.knots, node, knots)}


def slot_owner(model: AbstractBlock, path: str) -> Any:
    """The block that a slot's path belongs to."""
    return get(model, path.rpartition(".")[0])


def _with_row(latents: Latents, path: str, row: int, knots: np.ndarray) -> Latents:
    node = latents[path]
    moved = np.array(node.knots)
    moved[row] = knots
    return {**latents, path: eqx.tree_at(lambda t: t.knots, node, jnp.asarray(moved))}


def _refined_row(
    model: AbstractBlock, latents: Latents, path: str, take: Take, row: int, rounds: int, hold_mean: bool
) -> Float[np.ndarray, " knots"]:
    node = latents[path]
    knots = np.asarray(node.knots[row], np.float64)
    rate, knot_rate = take.sample_rate, node.rate
    start, stop = take.inside
    wet = take.wet.astype(np.float64)
    played = play(model, latents, take, row).astype(np.float64)
    energy = _error(played, wet, start, stop)
    for _ in range(rounds):
        move = knot_step(played, wet, knots * rate, rate, knot_rate, (start, stop), hold_mean) / rate
        for share in (1.0, 0.4):
            trial = knots + share * move
            heard = play(model, _with_row(latents, path, row, trial), take, row).astype(np.float64)
            error = _error(heard, wet, start, stop)
            if error < energy:
                break
        else:
            break
        gain, knots, played, energy = 1 - error / energy, trial, heard, error
        if gain < 0.01:
            break
    return knots


def _error(y: Any, wet: Any, start: int, stop: int) -> float:
    return float(np.sum((y[:, start:stop] - wet[:, start:stop]) ** 2))


def knot_step(
    played: Float[np.ndarray, "channels samples"],
    wet: Float[np.ndarray, "channels samples"],
    knots: Float[np.ndarray, " knots"],
    sample_rate: int,
    knot_rate: int,
    inside: tuple[int, int],
    hold_mean: bool = True,
) -> Float[np.ndarray, " knots"]:
    """The Gauss-Newton step of the knots, in samples."""
    from scipy.linalg import solveh_banded

    start, stop = inside
    residual, slope = whitened(played, wet, inside)
    index, u = held(np.arange(wet.shape[1]) / sample_rate * knot_rate, knots.size)
    taps, index = np.stack(basis(u))[:, start:stop], index[start:stop]
    weight, pull = np.sum(slope**2, axis=0), np.sum(slope * residual, axis=0)
    bands, right = np.zeros((4, knots.size)), np.zeros(knots.size)
    for j in range(4):
        right += TEMPER * np.bincount(index + j, taps[j] * pull, knots.size)
        for k in range(j + 1):
            bands[j - k] += TEMPER * np.bincount(index + k, taps[j] * taps[k] * weight, knots.size)
    prior, tension = stiff(knots, sample_rate, knot_rate)
    step: Float[np.ndarray, " knots"] = solveh_banded(bands + prior, right - tension, lower=True)
    if hold_mean:
        seen = bands[0] + 1e-12
        step = step - np.sum(seen * step) / np.sum(seen)
    return np.asarray(np.clip(step, -LARGEST_STEP, LARGEST_STEP))


def whitened(played: Any, wet: Any, inside: tuple[int, int]) -> tuple[Any, Any]:
    """Residual and minus the slope of what was played, divided by the residual's spectrum and level."""
    start, stop = inside
    count = played.shape[1]
    spectrum = np.fft.rfft(played, 2 * count)
    frequency = np.fft.rfftfreq(2 * count)
    error = wet - played
    colour = 1 / np.sqrt(_density(error[:, start:stop], frequency))
    turn = 2j * np.pi * np.where(frequency < 0.5, frequency, 0.0)
    slope = -np.fft.irfft(spectrum * turn * colour, 2 * count)[:, start:stop]
    residual = np.fft.irfft(np.fft.rfft(error, 2 * count) * colour, 2 * count)[:, start:stop]
    level = _level(residual)
    return residual / level, slope / level


def _density(error: Any, frequency: Any) -> Any:
    from scipy.signal import welch

    points, density = welch(error, nperseg=min(WINDOW, error.shape[1]), axis=-1)
    density = density.mean(axis=0)
    return np.interp(frequency, points, density + 1e-4 * density.mean() + 1e-30)


def _level(residual: Any) -> Any:
    from scipy.ndimage import uniform_filter1d

    width = max(16, round(LEVELLING_S * 44_100))
    local = uniform_filter1d(np.mean(residual**2, axis=0), width)
    return np.sqrt(np.maximum(local, LEAST_LEVEL * local.mean()) + 1e-30)


def stiff(knots: Any, sample_rate: int, knot_rate: int) -> tuple[Any, Any]:
    """The prior of knots in samples: bands of DᵀD for first and third differences, and its product with the knots."""
    size = knots.size
    speed = max(float(np.std(np.diff(knots))) * knot_rate / sample_rate, LEAST_SPEED)
    stride = speed * sample_rate / knot_rate
    rows = ((np.array([1.0, -1.0]), stride), (np.array([1.0, -3.0, 3.0, -1.0]), stride))
    bands, tension = np.zeros((4, size)), np.zeros(size)
    for row, deviation in rows:
        last = size - row.size + 1
        bend = np.convolve(knots, row[::-1], "valid") / deviation**2
        for j in range(row.size):
            tension[j : j + last] += row[j] * bend
            for k in range(j + 1):
                bands[j - k, k : k + last] += row[j] * row[k] / deviation**2
    return bands, tension
