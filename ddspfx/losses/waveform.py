"""Distances between waveforms, sample by sample."""

import jax.numpy as jnp

from ddspfx.losses.emphasis import Emphasis, emphasise
from ddspfx.types import Audio, Scalar

FLOOR = 1e-10
"""Mean square, -100 dBFS: below it a target counts as silent and a ratio is taken to this instead."""


def mse(prediction: Audio, target: Audio) -> Scalar:
    """Mean squared error, mean (p - t)^2 over samples and channels."""
    return jnp.mean((prediction - target) ** 2)


def mae(prediction: Audio, target: Audio) -> Scalar:
    """Mean absolute error, mean |p - t| over samples and channels; its slope at p = t is 0."""
    return jnp.mean(jnp.abs(prediction - target))


def esr(
    prediction: Audio,
    target: Audio,
    *,
    emphasis: Emphasis | None = None,
    sample_rate: int | None = None,
    floor: float = FLOOR,
) -> Scalar:
    """Error-to-signal ratio, sum (p - t)^2 / sum t^2 over samples and channels together.

    `emphasis` names a filter that both pass first: "first-order", "low-passed" or "a-weighting" (which needs
    `sample_rate` in Hz). `floor` is the least mean square of the (filtered) target that is divided by.
    Raises ValueError for an unknown emphasis. Source: Wright and Välimäki (2020), "Perceptual loss function for
    neural modelling of audio systems".
    """
    if emphasis is not None:
        prediction, target = (emphasise(x, emphasis, sample_rate) for x in (prediction, target))
    return mse(prediction, target) / jnp.maximum(jnp.mean(target**2), floor)


def dc(prediction: Audio, target: Audio, *, floor: float = FLOOR) -> Scalar:
    """Error of the mean against the target's power, (mean p - mean t)^2 / mean t^2; each channel has its own mean.

    Source: Wright and Välimäki (2020), as above.
    """
    offset = jnp.mean(prediction - target, axis=1)
    return jnp.mean(offset**2) / jnp.maximum(jnp.mean(target**2), floor)


def log_cosh(prediction: Audio, target: Audio, *, sharpness: float = 1.0) -> Scalar:
    """Mean log(cosh(a (p - t))) / a: a parabola for small errors, |p - t| for large ones; a is `sharpness`.

    Near zero as log(1 + 2 sinh(d / 2)^2), elsewhere as |d| - log 2 + log(1 + exp(-2 |d|)): exact to rounding and
    without overflow in both.
    Source: Chen, Chen and Zhang (2018), "Log hyperbolic cosine loss improves variational auto-encoder".
    """
    d = jnp.abs(sharpness * (prediction - target))
    small = d < 1
    near = jnp.log1p(2 * jnp.sinh(jnp.where(small, d, 0.0) / 2) ** 2)
    far = d - jnp.log(2.0) + jnp.log1p(jnp.exp(-2 * d))
    return jnp.mean(jnp.where(small, near, far)) / sharpness


def si_sdr(prediction: Audio, target: Audio, *, floor: float = FLOOR) -> Scalar:
    """Scale-invariant signal-to-distortion ratio in dB, 10 log10(|a t|^2 / |a t - p|^2) with a = <p, t> / <t, t>.

    Higher is better. Over samples and channels together, means left in: subtract them first for the zero-mean form.
    `floor` bounds every mean square from below, so that silence and p = t stay finite (p = t at full scale: 100 dB).
    Source: Le Roux, Wisdom, Erdogan and Hershey (2019), "SDR - half-baked or well done?".
    """
    scale = jnp.mean(prediction * target) / jnp.maximum(jnp.mean(target**2), floor)
    wanted = jnp.mean((scale * target) ** 2)
    rest = jnp.mean((scale * target - prediction) ** 2)
    return 10 * (jnp.log10(wanted + floor) - jnp.log10(rest + floor))


def negative_si_sdr(prediction: Audio, target: Audio, *, floor: float = FLOOR) -> Scalar:
    """-SI-SDR in dB, so that lower is better: `si_sdr` as a loss."""
    return -si_sdr(prediction, target, floor=floor)
