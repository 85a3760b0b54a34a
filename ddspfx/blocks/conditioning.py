"""What networks share: their controls as features, FiLM, and the rate at which they were trained."""

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ddspfx.clock import Clock
from ddspfx.control import features, width
from ddspfx.slot import AbstractKnob, AbstractSlot, AbstractSource
from ddspfx.types import RandomKey

CONDITIONINGS = ("film", "concat")

LEVEL = 18.0
"""dB from a usual recording's RMS, -18 dBFS, to the unit RMS that a network likes."""


def knobs(controls: Sequence[AbstractSlot]) -> tuple[AbstractSlot, ...]:
    """The controls of a network as a tuple. Raises TypeError for anything but `Control`, `Switch` and sources."""
    for control in controls:
        if not isinstance(control, AbstractKnob | AbstractSource):
            raise TypeError(f"controls holds {control!r}, but must hold Control or Switch, or a source")
    return tuple(controls)


def total_width(controls: Sequence[AbstractSlot]) -> int:
    """How many features a network reads of all its controls."""
    return sum(width(control) for control in controls)


def read_controls(controls: Sequence[AbstractSlot], count: int, clock: Clock) -> Float[Array, "features samples"]:
    """The features of all controls over the next `count` samples, a row each."""
    rows = [features(control, count, clock) for control in controls]
    return jnp.concatenate(rows) if rows else jnp.zeros((0, count))


class Conditioning(eqx.Module):
    """How the features f of a network's controls reach one of its layers, h being what enters the activation.

    `kind` "film": h' = (1 + A f) h + B f (Perez et al., 2018, "FiLM: visual reasoning with a general conditioning
    layer"). `kind` "concat": h' = h + B f, which is a layer that has the features among its inputs.
    Raises ValueError for another kind.
    """

    shift: Float[Array, "units features"]
    scale: Float[Array, "units features"] | None

    def __init__(self, kind: str, features: int, units: int, *, key: RandomKey):
        if kind not in CONDITIONINGS:
            raise ValueError(f"conditioning is {kind!r}, but must be one of {', '.join(CONDITIONINGS)}")
        first, second = jax.random.split(key)
        self.shift = uniform(first, (units, features), max(1, features))
        self.scale = uniform(second, (units, features), max(1, features)) if kind == "film" else None

    def __call__(
        self, h: Float[Array, "channels units samples"], features: Float[Array, "features samples"]
    ) -> Float[Array, "channels units samples"]:
        if not self.shift.size:
            return h
        return h * (1 if self.scale is None else 1 + self.scale @ features) + self.shift @ features


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
