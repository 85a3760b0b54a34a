"""What networks share: their controls as features, FiLM, and the rate at which they were trained."""

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ddspfx.clock import Clock
from ddspfx.control import features, width
from ddspfx.slot import AbstractKnob, AbstractSlot
from ddspfx.types import RandomKey

CONDITIONING = ("film", "concat")


def knobs(controls: Sequence[AbstractSlot]) -> tuple[AbstractSlot, ...]:
    """The controls of a network as a tuple. Raises TypeError for anything but `Control` and `Switch`."""
    for control in controls:
        if not isinstance(control, AbstractKnob):
            raise TypeError(f"controls holds {control!r}, but must hold Control or Switch alone")
    return tuple(controls)


def total_width(controls: Sequence[AbstractSlot]) -> int:
    """How many features a network reads of all its controls."""
    return sum(width(control) for control in controls)


def read_controls(controls: Sequence[AbstractSlot], count: int, clock: Clock) -> Float[Array, "features samples"]:
    """The features of all controls over the next `count` samples, a row each."""
    rows = [features(control, count, clock) for control in controls]
    return jnp.concatenate(rows) if rows else jnp.zeros((0, count))


class FiLM(eqx.Module):
    """An affine map of the features to a scale and a shift of every channel: h' = (1 + a(f)) h + b(f).

    Source: Perez et al. (2018), "FiLM: visual reasoning with a general conditioning layer".
    """

    weight: Float[Array, "features twice_channels"]
    bias: Float[Array, " twice_channels"]

    def __init__(self, features: int, channels: int, *, key: RandomKey):
        self.weight = uniform(key, (features, 2 * channels), max(1, features))
        self.bias = jnp.zeros(2 * channels)

    def __call__(
        self, h: Float[Array, "*batch samples channels"], features: Float[Array, "samples features"]
    ) -> Float[Array, "*batch samples channels"]:
        scale, shift = jnp.split(features @ self.weight + self.bias, 2, axis=-1)
        return h * (1 + scale) + shift


def uniform(key: RandomKey, shape: tuple[int, ...], inputs: int) -> Array:
    """Uniform in +-1 / sqrt(inputs): the usual start of a layer's weights."""
    bound = inputs**-0.5
    return jax.random.uniform(key, shape, minval=-bound, maxval=bound)


def rate_ratio(sample_rate: int, trained: int) -> float:
    """How many samples of `sample_rate` make one of the trained rate. Raises ValueError below 1."""
    if sample_rate < trained:
        raise ValueError(
            f"sample_rate is {sample_rate}, but must be at least {trained}, the rate this network was trained at: "
            f"resample the file to {trained} Hz, render it, and resample the result back"
        )
    return sample_rate / trained
