"""What a pass hears: sequences drawn from the training part, cut out on the host."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ddspfx.fit.settings import Settings
from ddspfx.fit.takes import Take


class Sequences(eqx.Module):
    """Where each sequence of a pass starts, in which recording."""

    recording: Int[np.ndarray, " sequences"]
    start: Int[np.ndarray, " sequences"]


class Batch(eqx.Module):
    """The sequences of one pass: sound, place and knobs, all with the sequences as leading axis.

    An argument of the compiled programs, so these are as large as a pass and not as a recording, and the same for
    all recordings: data that is closed over would be compiled in.
    """

    dry: Float[Array, "sequences channels samples"]
    wet: Float[Array, "sequences channels samples"]
    recording: Int[Array, " sequences"]
    start: Int[Array, " sequences"]
    knobs: dict[str, Float[Array, "sequences ..."]]


@dataclass(frozen=True, eq=False)
class Material:
    """Dry and wet of all recordings on the host, with `lead` samples of silence before the first and `tail` after.

    The wet is moved later by the model's latency, whole or not, so that the raw output can be compared.
    """

    dry: Sequence[Float[np.ndarray, "channels samples"]]
    wet: Sequence[Float[np.ndarray, "channels samples"]]
    knobs: Mapping[str, Float[np.ndarray, "recordings ..."]]
    lead: int
    sample_rate: int

    @classmethod
    def of(cls, takes: Sequence[Take], latency: float, lead: int, tail: int, knobs: Mapping[str, Any]) -> "Material":
        """All takes, and their knobs, a row a recording."""

        def padded(x: np.ndarray) -> np.ndarray:
            return np.pad(x, ((0, 0), (lead, tail)))

        dry = [padded(take.dry) for take in takes]
        wet = [shifted(padded(take.wet), latency) for take in takes]
        columns = {name: np.asarray(column) for name, column in knobs.items()}
        return cls(dry, wet, columns, lead, takes[0].sample_rate)

    @property
    def channels(self) -> int:
        """Of every recording."""
        return int(self.dry[0].shape[0])

    def batch(self, sequences: Sequences, count: int) -> Batch:
        """`count` samples of every sequence, and `lead` before them."""
        places = list(zip(sequences.recording, sequences.start, strict=True))

        def cut(which: Sequence[np.ndarray]) -> Array:
            return jnp.asarray(np.stack([which[r][:, s : s + self.lead + count] for r, s in places]), float)

        knobs = {name: jnp.asarray(column[sequences.recording]) for name, column in self.knobs.items()}
        where = jnp.asarray(sequences.recording), jnp.asarray(sequences.start)
        return Batch(cut(self.dry), cut(self.wet), *where, knobs)


def shifted(x: np.ndarray, delay: float) -> np.ndarray:
    """x delayed by any number of samples through its spectrum; its end must be silent for that long."""
    if delay == round(delay):
        whole = round(delay)
        return np.concatenate([np.zeros_like(x[:, :whole]), x[:, : x.shape[1] - whole]], axis=1) if whole else x
    count = 2 * x.shape[1]
    turn = np.exp(-2j * np.pi * np.fft.rfftfreq(count) * delay)
    moved: np.ndarray = np.fft.irfft(np.fft.rfft(x, count) * turn, count)[:, : x.shape[1]]
    return moved


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
    return Sequences(recording.astype(np.int32), start.astype(np.int32))


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
