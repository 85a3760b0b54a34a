"""A record head and a tape under AC bias: the field of a current, and the magnetisation that it leaves."""

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from ddspfx.signal.jiles_atherton import Magnetics, magnetise

Signal = Float[np.ndarray, "channels samples"]

PIECE, HALF, BETA = 8_192, 48, 10.0
"""Samples a turn, and half the length of the resampling filter in samples: -100 dB beyond 0.53 of the rate."""
SETTLE = 64
"""Samples in which the bias fades in on a demagnetised tape, before the first of the recording."""
QUICKEST, SLOWEST = 1e5, 5e4
"""Hz between which machines have their bias."""


class Material(NamedTuple):
    """A magnetic layer, the numbers of `Magnetics`: in A/m, and `coupling` alpha Ms / (3 a).

    The default is ferric tape. Source: Chowdhury (2019), DAFx, with alpha = 1.6e-3.
    """

    saturation: float = 3.5e5
    shape: float = 2.2e4
    coercivity: float = 2.7e4
    coupling: float = 0.0085
    reversibility: float = 0.17


TAPE = Material()


class RecordHead(NamedTuple):
    """H = (2 / pi) arctan(gap / (2 distance)) turns efficiency I / gap, the field in A/m that a current I (A) makes.

    On the middle of the gap; `gap` and `distance` of the magnetic layer in metres; `current` flows at full scale.
    The default gives 5e4 A/m, about twice the coercivity of ferric tape.
    Source: Karlqvist (1954), as in Chowdhury (2019), DAFx, equations 1 and 3.
    """

    turns: float = 100.0
    efficiency: float = 0.1
    gap: float = 6e-6
    distance: float = 3e-6
    current: float = 0.06

    @property
    def full_scale(self) -> float:
        """Field of a full-scale sample, A/m."""
        deep = self.turns * self.efficiency * self.current / self.gap
        return 2 / math.pi * math.atan(self.gap / (2 * self.distance)) * deep


class Bias(NamedTuple):
    """A sine of `share` coercivities at about `frequency` Hz, simulated at `oversampling` times the sample rate.

    Its period is a whole, even number of steps, so that it never beats with the grid.
    """

    share: float = 1.2
    frequency: float = 6e4
    oversampling: int = 16

    def period(self, sample_rate: float) -> int:
        """Steps of the internal rate in a period. Raises ValueError outside 50 to 100 kHz, or below 6 steps."""
        steps = 2 * round(self.oversampling * sample_rate / self.frequency / 2)
        own = self.oversampling * sample_rate / max(steps, 1)
        if steps < 6 or not SLOWEST <= own <= QUICKEST:
            raise ValueError(
                f"bias of {self.frequency:g} Hz comes to {own:g} Hz with {steps} steps a period at oversampling "
                f"{self.oversampling}, but must be 50 to 100 kHz with at least 6: raise oversampling"
            )
        return steps


def magnetised(
    field: Signal,
    sample_rate: float,
    bias: Bias = Bias(),  # noqa: B008
    material: Material = TAPE,
    solver: str = "rk4",
    substeps: int = 2,
) -> Signal:
    """The magnetisation M (A/m) that a field (A/m, without bias) leaves, at the same rate, nothing delayed.

    The field is raised to the internal rate, the bias added, M integrated by `solver` through `substeps` a step, and
    brought back by the same filter, which takes the bias off: what a head that cannot see the bias' wavelength sees.
    Memory beyond the result is that of `PIECE` samples. With a bias share of 0 it is the plain loop.
    Source: Chowdhury (2019), DAFx, section 4.1; Jiles and Atherton (1986) for the loop.
    """
    times, channels = bias.oversampling, field.shape[0]
    taps = _taps(times)
    # Room for the filter on both sides: twice before, since what settles is filtered away too.
    before = 2 * HALF + SETTLE
    padded = np.pad(np.asarray(field, np.float64), ((0, 0), (before, 3 * HALF + PIECE)))
    wave, step = _wave(bias, sample_rate, material), _stepper(solver, substeps, material)
    state = (np.zeros(channels), np.zeros(channels))
    tail = np.zeros((channels, 2 * HALF * times))
    done = []
    for start in range(HALF, before + field.shape[1] + HALF, PIECE):
        raised = _raised(padded[:, start - HALF : start + PIECE + HALF], taps, times)
        index = (start - HALF) * times + np.arange(PIECE * times)
        fade = np.minimum(index / (SETTLE * times), 1.0)
        M, state = step(raised + fade * wave[index % wave.size], state)
        line = np.concatenate([tail, M], axis=1)
        done.append(_lowered(line, taps, times))
        tail = line[:, -2 * HALF * times :]
    # The first result of a turn lies HALF before its first sample.
    return np.concatenate(done, axis=1)[:, before : before + field.shape[1]]


def _wave(bias: Bias, sample_rate: float, material: Material) -> Float[np.ndarray, " period"]:
    if bias.share == 0:
        return np.zeros(1)
    steps = bias.period(sample_rate)
    return np.asarray(bias.share * material.coercivity * np.sin(2 * np.pi * np.arange(steps) / steps))


@functools.cache
def _taps(times: int) -> Float[np.ndarray, " taps"]:
    from scipy.signal import firwin

    return np.asarray(times * firwin(2 * HALF * times + 1, 1 / times, window=("kaiser", BETA)))


def _raised(x: Signal, taps: Float[np.ndarray, " taps"], times: int) -> Signal:
    """From HALF samples inside both ends, `times` values a sample."""
    from scipy.signal import upfirdn

    first = 2 * HALF * times
    return np.asarray(upfirdn(taps, x, up=times)[:, first : first + (x.shape[1] - 2 * HALF) * times])


def _lowered(line: Signal, taps: Float[np.ndarray, " taps"], times: int) -> Signal:
    """Every `times`-th value of the filtered line where the filter lies on it."""
    from scipy.signal import upfirdn

    return np.asarray(upfirdn(taps / times, line, down=times)[:, 2 * HALF : line.shape[1] // times])


def _stepper(solver: str, substeps: int, material: Material) -> Callable[..., Any]:
    """From a field and (M, H) to the magnetisation and the next (M, H), compiled once."""
    import jax.numpy as jnp

    run, numbers = _compiled(solver, substeps), Magnetics(*map(jnp.asarray, material))

    def step(H: Signal, state: Any) -> tuple[Signal, Any]:
        M = np.asarray(run(H, *state, numbers), np.float64)
        return M, (M[:, -1], H[:, -1])

    return step


@functools.cache
def _compiled(solver: str, substeps: int) -> Callable[..., Any]:
    import jax

    def run(H: Any, M0: Any, H0: Any, material: Magnetics) -> Any:
        return magnetise(H, M0, H0, material, solver, substeps)

    return jax.jit(run)
