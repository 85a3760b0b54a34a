"""Losses by name, and their weighted sum."""

from collections.abc import Callable, Mapping
from functools import partial
from inspect import signature

import jax.numpy as jnp

from ddspfx.losses.mel import mel, mfcc
from ddspfx.losses.spectral import mr_stft, stft
from ddspfx.losses.waveform import dc, esr, log_cosh, mae, mse, negative_si_sdr
from ddspfx.types import Audio, Scalar

LOSSES: dict[str, Callable[..., Scalar]] = {
    "dc": dc,
    "esr": esr,
    "esr_a_weighting": partial(esr, emphasis="a-weighting"),
    "esr_first_order": partial(esr, emphasis="first-order"),
    "esr_low_passed": partial(esr, emphasis="low-passed"),
    "log_cosh": log_cosh,
    "mae": mae,
    "mel": mel,
    "mfcc": mfcc,
    "mr_stft": mr_stft,
    "mse": mse,
    "negative_si_sdr": negative_si_sdr,
    "stft": stft,
}
"""Every loss by its name, called as loss(prediction, target), with sample_rate=... where it takes one."""


def named_loss(name: str, sample_rate: int | None = None) -> Callable[[Audio, Audio], Scalar]:
    """The loss of that name as a function of prediction and target alone.

    `sample_rate` in Hz goes to the losses that take one. Raises ValueError for an unknown name, listing the known
    ones, and for a loss that needs the rate when it is missing.
    """
    if name not in LOSSES:
        raise ValueError(f"loss is {name!r}, but must be one of {', '.join(sorted(LOSSES))}")
    loss = LOSSES[name]
    if "sample_rate" not in signature(loss).parameters:
        return loss
    if sample_rate is None and name not in ("esr", "esr_first_order"):
        raise ValueError(f"sample_rate is None, but must be given in Hz for the loss {name!r}")
    return partial(loss, sample_rate=sample_rate)


def combine(weights: Mapping[str, float], sample_rate: int | None = None) -> Callable[[Audio, Audio], Scalar]:
    """The weighted sum of named losses, sum_i weight_i loss_i(prediction, target), as one loss.

    `combine({"esr": 1.0, "mr_stft": 0.1, "dc": 0.5})`. Raises ValueError for an unknown name, an empty mapping, or
    a missing `sample_rate` (Hz) where one is needed (mel, mfcc, A-weighting).
    """
    if not weights:
        raise ValueError("weights is empty, but must name at least one loss, as in {'esr': 1.0}")
    parts = [(float(weight), named_loss(name, sample_rate)) for name, weight in weights.items()]

    def combined(prediction: Audio, target: Audio) -> Scalar:
        return sum((weight * loss(prediction, target) for weight, loss in parts), jnp.zeros(()))

    return combined
