"""The training part as arrays on the device, and which sequences a pass runs through."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ddspfx.fit.settings import Settings
from ddspfx.fit.takes import Take


class Material(eqx.Module):
    """Dry and wet of all recordings, padded to one length, with silence before the first sample.

    The wet is moved later by the model's latency, whole or not, so that the raw output can be compared.
    """

    dry: Float[Array, "recordings channels samples"]
    wet: Float[Array, "recordings channels samples"]
    lead: int = eqx.field(static=True)
    sample_rate: int = eqx.field(static=True)

    @classmethod
    def of(cls, takes: Sequence[Take], latency: float, lead: int, tail: int) -> "Material":
        """All takes, `lead` samples of silence before each and `tail` after."""
        count = max(take.count for take in takes)

        def padded(x: np.ndarray) -> np.ndarray:
            return np.pad(x, ((0, 0), (lead, tail + count - x.shape[1])))

        dry = np.stack([padded(take.dry) for take in takes])
        wet = np.stack([shifted(padded(take.wet), latency) for take in takes])
        return cls(jnp.asarray(dry, float), jnp.asarray(wet, float), lead, takes[0].sample_rate)

    def cut(self, which: Any, recording: Int[Array, ""], start: Int[Array, ""], count: int) -> Any:
        """`count` samples of one recording from `start` on."""
        return jax.lax.dynamic_slice(which[recording], (0, start + self.lead), (which.shape[1], count))


def shifted(x: np.ndarray, delay: float) -> np.ndarray:
    """x delayed by any number of samples through its spectrum; its end must be silent for that long."""
    if delay == round(delay):
        whole = round(delay)
        return np.concatenate([np.zeros_like(x[:, :whole]), x[:, : x.shape[1] - whole]], axis=1) if whole else x
    count = 2 * x.shape[1]
    turn = np.exp(-2j * np.pi * np.fft.rfftfreq(count) * delay)
    moved: np.ndarray = np.fft.irfft(np.fft.rfft(x, count) * turn, count)[:, : x.shape[1]]
    return moved


class Sequences(eqx.Module):
    """Where each sequence of a pass starts, in which recording."""

    recording: Int[Array, " sequences"]
    start: Int[Array, " sequences"]


def spans(
    takes: Sequence[Take], validation: float, held_out: int = 0
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Training and validation part of each recording: the end of each, or the last `held_out` recordings whole."""
    training, later = [], []
    for place, take in enumerate(takes):
        start, stop = take.inside
        split = stop - round(validation * (stop - start))
        if held_out:
            split = start if place >= len(takes) - held_out else stop
        training.append((start, split))
        later.append((split, stop))
    return training, later


def draw(training: Sequence[tuple[int, int]], settings: Settings, number: int) -> Sequences:
    """The sequences of pass `number`: spread evenly over the training part, moved by a random amount.

    A function of the seed and the number alone, so a resumed fit draws the same.
    """
    random = np.random.default_rng([settings.seed, number])
    length = settings.segment * settings.chunks
    room = np.array([max(stop - start - length, stop > start) for start, stop in training], float)
    edges = np.concatenate([[0.0], np.cumsum(room)])
    places = (np.arange(settings.sequences) + random.random(settings.sequences)) / settings.sequences * edges[-1]
    recording = np.clip(np.searchsorted(edges, places, side="right") - 1, 0, len(training) - 1)
    start = np.array([training[r][0] for r in recording]) + (places - edges[recording]).astype(int)
    return Sequences(jnp.asarray(recording, jnp.int32), jnp.asarray(start, jnp.int32))


def fitting(settings: Settings, training: Sequence[tuple[int, int]]) -> Settings:
    """The settings with sequences no longer than the shortest training part; ValueError when that is too short."""
    shortest = min(stop - start for start, stop in training if stop > start)
    segment = settings.segment
    while segment > 64 and segment > shortest:
        segment //= 2
    if shortest < segment:
        raise ValueError(
            f"the training part is {shortest} samples long, but must be at least {segment}: give more audio"
        )
    return settings.with_changes(segment=segment, chunks=max(1, min(settings.chunks, shortest // segment)))
