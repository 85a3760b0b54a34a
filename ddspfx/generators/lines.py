"""Lines whose phase wanders: what turns in a transport, as frequencies, amplitudes and a slow random phase."""

import equinox as eqx
import numpy as np
from jaxtyping import Float

from ddspfx.generators.noise import Take, generator

PARTS = 32
"""Sinusoids of a wandering phase: as many make a process that passes for Gaussian."""


class Lines(eqx.Module):
    """sum_l a_l cos(2 pi f_l t + p_l + w_l(t)), with a_l, p_l and w_l of the take.

    `frequencies` in Hz; `amplitudes` in the generator's unit, the root of the mean square over takes; `spreads`, the
    standard deviation of ln a^2 over takes; p_l is uniform. w_l is Gaussian, of `wander` radians RMS, a sum of 32
    sinusoids whose frequencies are drawn from those in `places` (quantiles in Hz). All of it is a function of take and
    time, so that a line runs on for ever.
    """

    frequencies: Float[np.ndarray, " lines"]
    amplitudes: Float[np.ndarray, " lines"]
    spreads: Float[np.ndarray, " lines"]
    wander: Float[np.ndarray, " lines"]
    places: Float[np.ndarray, "lines quantiles"]

    @classmethod
    def none(cls) -> "Lines":
        """No line at all."""
        empty = np.zeros(0)
        return cls(empty, empty, empty, empty, np.zeros((0, 2)))

    def read(self, take: Take, start: int, count: int, rate: float) -> Float[np.ndarray, " count"]:
        """Their sum at values start to start + count - 1."""
        times = np.arange(start, start + count) / rate
        total = np.zeros(count)
        for number in range(np.size(self.frequencies)):
            total += self._one(number, take, times)
        return total

    def _one(self, number: int, take: Take, times: Float[np.ndarray, " count"]) -> Float[np.ndarray, " count"]:
        random = generator(take, "line", number)
        spread = float(self.spreads[number])
        # Mean one for the power, whatever its spread.
        power = np.exp(spread * random.standard_normal() - spread**2 / 2)
        phase = 2 * np.pi * (float(self.frequencies[number]) * times + random.uniform())
        if float(self.wander[number]) > 0:
            phase = phase + self._wandering(number, random, times)
        return np.asarray(float(self.amplitudes[number]) * np.sqrt(power) * np.cos(phase))

    def _wandering(
        self, number: int, random: np.random.Generator, times: Float[np.ndarray, " count"]
    ) -> Float[np.ndarray, " count"]:
        quantiles = np.asarray(self.places[number], np.float64)
        shares = (np.arange(PARTS) + random.uniform(size=PARTS)) / PARTS
        frequency = np.interp(shares, np.linspace(0, 1, quantiles.size), quantiles)
        weights = random.standard_normal((2, PARTS)) * float(self.wander[number]) / np.sqrt(PARTS)
        angle = 2 * np.pi * np.outer(times, frequency)
        return np.asarray(np.cos(angle) @ weights[0] + np.sin(angle) @ weights[1])
