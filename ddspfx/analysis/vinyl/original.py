"""A record beside its original: when it plays what, and what it makes of it."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ddspfx.alignment.align import align
from ddspfx.alignment.interpolate import sample_at
from ddspfx.alignment.track import track
from ddspfx.analysis.motion import Motion, trajectory_motion
from ddspfx.analysis.vinyl.distortion import Distortion, distortion
from ddspfx.analysis.vinyl.equalisation import Curve, of_response
from ddspfx.analysis.vinyl.response import Responses, explained
from ddspfx.analysis.wow_flutter import Reading

Sound = Float[np.ndarray, "channels samples"]
Series = Float[np.ndarray, " values"]

_TRUSTED = 0.1  # confidence, below which two recordings have nothing in common
_EDGE = 0.1  # s at both ends that tell nothing of the motion


class Original(NamedTuple):
    """What the original tells.

    `start` is the second of the record at which the original begins, `confidence` that of the alignment, `motion` how
    it was turned. `rest` is the record less what the original explains, (channels, samples). `responses` is its
    frequency response and level over time, `distortion` what is left by level and groove velocity, `spectrum` the
    densities of the record and of the rest where it plays.
    """

    start: float
    confidence: float
    motion: Motion
    rest: Sound
    responses: Responses
    distortion: Distortion
    spectrum: tuple[Series, Series, Series]
    crosstalk: Reading | None
    bandwidth: Reading | None
    equalisation: Curve | None


def beside(dry: Sound, wet: Sound, sample_rate: int) -> Original:
    """Aligns, tracks, and explains `wet` by `dry` with a response that changes slowly.

    Raises ValueError when they have nothing in common, and as `align` and `track` do.
    """
    dry = dry if len(dry) == len(wet) else np.broadcast_to(dry.mean(0), wet.shape).copy()
    alignment = align(dry, wet, sample_rate, transport="vinyl")
    if alignment.confidence < _TRUSTED:
        raise ValueError("wet has nothing in common with dry: check that they are one pair")
    found = track(dry, wet, sample_rate, alignment=alignment, transport="vinyl")
    n = np.arange(wet.shape[1])
    source = n - np.atleast_2d(found(n / sample_rate))[0] * sample_rate
    played = (source >= 0) & (source < dry.shape[1])
    rows = dry[::-1] if alignment.swapped else dry
    heard = np.where(played, np.stack([sample_at(row, source) for row in rows]), 0.0)
    told = np.flatnonzero(played)
    if not len(told):
        raise ValueError("wet plays nothing of dry: check that they are one pair")
    first, last = int(told[0]), int(told[-1]) + 1
    responses, rest = explained(heard, wet, sample_rate, first, last)
    motion = _within(trajectory_motion(found, wet.shape[1] / sample_rate), first, last, sample_rate)
    return Original(
        start=first / sample_rate,
        confidence=alignment.confidence,
        motion=motion,
        rest=rest,
        responses=responses,
        distortion=distortion(heard, rest, sample_rate, first, last, responses.gain),
        spectrum=_spectra(wet, rest, sample_rate, first, last),
        crosstalk=responses.crosstalk,
        bandwidth=responses.bandwidth,
        equalisation=None if responses.usual is None else of_response(responses.frequency, responses.usual),
    )


def _within(motion: Motion, first: int, last: int, sample_rate: int) -> Motion:
    """The motion while the original plays."""
    times = motion.times
    told = (times > first / sample_rate + _EDGE) & (times < last / sample_rate - _EDGE)
    spread = None if motion.spread is None else motion.spread[told]
    return motion._replace(times=times[told], speed=motion.speed[told], delay=motion.delay[told], spread=spread)


def _spectra(wet: Sound, rest: Sound, sample_rate: int, first: int, last: int) -> tuple[Series, Series, Series]:
    from scipy.signal import welch

    size = min(8192, last - first)
    frequency, whole = welch(wet[:, first:last], sample_rate, nperseg=size)
    return frequency, whole.mean(0), welch(rest[:, first:last], sample_rate, nperseg=size)[1].mean(0)
