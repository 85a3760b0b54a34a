"""The harmonics of a disc's revolution in a tracked delay."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ddspfx.source.trajectory import Trajectory

HARMONICS = 8


class Turning(NamedTuple):
    """Peak speed deviation in per cent and phase in cycles, a number a harmonic, as `source.Revolution` takes them."""

    percent: Float[np.ndarray, " harmonics"]
    phases: Float[np.ndarray, " harmonics"]


def turning(trajectory: Trajectory, rpm: float, part: tuple[float, float], harmonics: int = HARMONICS) -> Turning:
    """The delay between two times (s) as sum_k a_k / (2 pi k f0) sin 2 pi (k f0 t + phase_k), by least squares.

    The mean and a straight line are taken out with them: they are the pair's offset and speed. Raises ValueError for
    less than a turn, in which harmonics cannot be told from a line.
    """
    start, stop = part
    rate = rpm / 60
    if (stop - start) * rate < 1.0:
        raise ValueError(f"the part is {stop - start:g} s, but must hold at least one turn, {1 / rate:g} s")
    t = np.arange(start, stop, 1 / 400)
    order = np.arange(1, harmonics + 1)
    angle = 2 * np.pi * rate * t[:, None] * order
    line = np.stack([np.ones_like(t), t - t.mean()], axis=1)
    found = np.linalg.lstsq(np.concatenate([np.sin(angle), np.cos(angle), line], axis=1), trajectory(t), rcond=None)[0]
    sine, cosine = found[:harmonics], found[harmonics : 2 * harmonics]
    peak = np.hypot(sine, cosine)
    return Turning(100 * peak * 2 * np.pi * rate * order, np.arctan2(cosine, sine) / (2 * np.pi))


__all__ = ["Turning", "turning"]
