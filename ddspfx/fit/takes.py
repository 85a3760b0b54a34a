"""Pairs made ready: dry on wet's clock, the delay tracked, the seconds that may be compared."""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float

from ddspfx.alignment.align import Alignment, align
from ddspfx.alignment.track import track
from ddspfx.blocks.delay import VariableDelay
from ddspfx.control import controls
from ddspfx.data.pair import Pair
from ddspfx.listing import get, walk
from ddspfx.source.trajectory import Trajectory

MARGIN_S = 0.05
"""Seconds at each end of what the dry file covers that are not compared."""


@dataclass(frozen=True, eq=False)
class Take:
    """One pair, ready: `dry` (channels, samples) warped onto wet's clock, equally long, and the delay left in it."""

    name: str
    dry: Float[np.ndarray, "channels samples"]
    wet: Float[np.ndarray, "channels samples"]
    sample_rate: int
    alignment: Alignment
    covered: tuple[int, int]
    trajectory: Trajectory | None = None
    controls: Mapping[str, float | str] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Samples."""
        return int(self.wet.shape[1])

    @property
    def inside(self) -> tuple[int, int]:
        """First and last sample whose source lies inside the dry file, less 50 ms at each end.

        Raises ValueError when too little is left to compare.
        """
        margin = round(MARGIN_S * self.sample_rate)
        start, stop = self.covered[0] + margin, self.covered[1] - margin
        if stop - start < margin:
            raise ValueError(
                f"{self.name}: dry and wet overlap by less than {3 * MARGIN_S:g} s: is this the right pair?"
            )
        return start, stop


def delay_path(model: Any) -> str | None:
    """The slot of the model's first variable delay, where a recording's trajectory goes; None without one."""
    for path, node, _ in walk(model):
        if isinstance(node, VariableDelay):
            return f"{path}.delay"
    return None


def prepare(
    pair: Pair,
    *,
    tracked: bool = True,
    say: Callable[[str], None] = lambda text: None,
    alignment: Alignment | None = None,
) -> Take:
    """Aligns and, unless `tracked` is off, tracks a pair. Warnings of the alignment are said, not raised."""
    dry, wet, rate = pair.dry.samples, pair.wet.samples, pair.sample_rate
    alignment = align(dry, wet, rate) if alignment is None else alignment
    for warning in alignment.warnings:
        say(f"{pair.name}: {warning}")
    warped = alignment.warp(dry).astype(np.float32) * np.float32(alignment.polarity)
    take = Take(
        pair.name,
        warped,
        wet.astype(np.float32),
        rate,
        alignment,
        _covered(alignment, dry.shape[1], wet.shape[1], rate),
        controls=dict(pair.controls),
    )
    start, stop = take.inside
    say(
        f"{pair.name}: {take.count / rate:.1f} s at {rate} Hz, wet {1e3 * alignment.latency:+.3f} ms, "
        f"comparing {start / rate:.2f} to {stop / rate:.2f} s"
    )
    if not tracked:
        return take
    return dataclasses.replace(take, trajectory=track(warped, take.wet, rate, alignment=in_place(alignment)))


def in_place(alignment: Alignment) -> Alignment:
    """The alignment of the same pair once dry was warped: nothing is left but what moves."""
    still = dataclasses.replace(alignment, latency=0.0, drift=0.0, speed=1.0, polarity=1, swapped=False)
    return dataclasses.replace(still, jumps=(), curve=())


def _covered(alignment: Alignment, dry: int, wet: int, rate: int) -> tuple[int, int]:
    """First and last sample of wet whose source, dry at speed t - latency, lies inside the dry file."""
    first = alignment.latency / alignment.speed * rate
    last = (dry + alignment.latency * rate) / alignment.speed
    return max(0, math.ceil(first)), min(wet, math.floor(last))


def centred(take: Take, delay: VariableDelay) -> Take:
    """The take moved so that its trajectory fits between the delay line's shortest and longest.

    The mean delay of a recording is its start offset, so the dry may be moved by whole samples as long as
    the trajectory moves with it. Raises ValueError when the trajectory is wider than the line.
    """
    trajectory = take.trajectory
    bounds = None if trajectory is None else trajectory.bounds()
    if trajectory is None or bounds is None:
        return take
    low, high = bounds
    if high - low > delay.longest - delay.shortest:
        raise ValueError(
            f"{take.name}: the delay wanders over {1e3 * (high - low):.1f} ms, but the model's delay line spans "
            f"{1e3 * (delay.longest - delay.shortest):.1f} ms: give it a longer one"
        )
    middle = (delay.longest + delay.shortest - high - low) / 2
    slack = (delay.longest - delay.shortest - high + low) / 2
    shift = round(np.sign(middle) * max(abs(middle) - 0.8 * slack, 0.0) * take.sample_rate)
    dry = np.zeros_like(take.dry)
    if shift > 0:
        dry[:, : take.count - shift] = take.dry[:, shift:]
    elif shift < 0:
        dry[:, -shift:] = take.dry[:, :shift]
    else:
        dry = take.dry
    moved = Trajectory(
        trajectory.base + shift, trajectory.knots, trajectory.sample_rate, trajectory.rate, trajectory.spread
    )
    return dataclasses.replace(take, dry=dry, trajectory=moved)


def demodulated(take: Take) -> Take:
    """The take with its delay taken out of the target, wet(t + d), so that a model without a delay line fits it.

    What lies beyond the target's ends is not compared. Raises ValueError when the take is not tracked, and where
    the delay cannot be undone.
    """
    if take.trajectory is None:
        raise ValueError(f"{take.name} has no tracked delay to take out of its target: prepare it with tracked=True")
    edges = np.asarray(take.covered) / take.sample_rate
    start, stop = (edges - take.trajectory(edges)) * take.sample_rate
    wet = take.trajectory.undo(take.wet, take.sample_rate).astype(np.float32)
    covered = (max(0, math.ceil(start)), min(take.count, math.floor(stop)))
    return dataclasses.replace(take, wet=wet, covered=covered, trajectory=None)


def still(take: Take, line: VariableDelay) -> Trajectory:
    """A delay line that stands at zero while this take plays, or as near as it gets."""
    base = round(min(max(0.0, line.shortest), line.longest) * take.sample_rate)
    return Trajectory.zero(take.count / take.sample_rate, take.sample_rate, base=base)


def understood(take: Take, model: Any) -> Take:
    """The take with only those knobs that the model has."""
    known = controls(model)
    return dataclasses.replace(take, controls={name: v for name, v in take.controls.items() if name in known})


def check_alike(takes: Sequence[Take]) -> None:
    """Raises ValueError unless all takes share rate and channels."""
    if not takes:
        raise ValueError("pairs is empty: give at least one pair of dry and wet")
    first = takes[0]
    for take in takes[1:]:
        if (take.sample_rate, take.dry.shape[0]) != (first.sample_rate, first.dry.shape[0]):
            raise ValueError(
                f"{take.name} has {take.dry.shape[0]} channels at {take.sample_rate} Hz, but {first.name} has "
                f"{first.dry.shape[0]} at {first.sample_rate} Hz: make all pairs alike"
            )


def line_of(model: Any, path: str) -> VariableDelay:
    """The delay line that a latent path belongs to. Raises ValueError when there is none."""
    node = get(model, path.rsplit(".", 1)[0])
    if not isinstance(node, VariableDelay):
        raise ValueError(f"{path} is not the delay of a VariableDelay")
    return node
