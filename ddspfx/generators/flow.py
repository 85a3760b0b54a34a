"""An autoregressive flow: linear prediction makes a take white, a mixture makes it normal, and both run backwards."""

from typing import Any, Self

import equinox as eqx
import numpy as np
from jaxtyping import Float

from ddspfx.generators import warped
from ddspfx.generators.find_lines import find_lines
from ddspfx.generators.generator import AbstractGenerator, takes_of
from ddspfx.generators.lines import Lines
from ddspfx.generators.mixture import Mixture
from ddspfx.generators.noise import density, generator, take_of, white
from ddspfx.generators.parametric import SHORT, fineness, floor_of, level_spread
from ddspfx.generators.prediction import (
    Predictors,
    correlation_of,
    grown,
    innovations,
    predictors,
    reflections,
)
from ddspfx.generators.warped import Sections

ORDER = 64
"""Of the predictor of sound."""
MOST = 511
"""Of the predictor of a transport: all of a window, or this."""
WARPED, WARP = 24, 0.97
"""Zeros of the warped whitener for sound, and its warp: at 44.1 kHz half of its scale is below 210 Hz."""
SOUND = 8_000.0
"""Values a second from which a take is sound, whose low end a plain predictor would need thousands of values for."""
LONG = 2048
"""Values of a window from which a low end can be heard in it."""
WARM = 8
"""Orders that an endless take runs before it is read: as long as its predictor remembers."""
RINGING = 16_384
"""Values before that where there is a whitener."""
ENOUGH = 4_000_000
"""Values of takes in which they are looked for."""
SEEN = 100_000
"""Innovations at most from which the marginal is learned."""


class Flow(AbstractGenerator):
    """z = Phi^-1(P(e)) is standard normal, e_n = (x'_n - sum_k a_k x'_n-k) / s, x' = W (x - l), P a mixture.

    l are the take's lines, latent, as in `Parametric`; W is for sound, see `warped`, and else 1; a_k come from
    `reflections` and the `variance` of x'. ln p(x | l) = sum_n ln p_P(e_n) - ln s_n holds exactly, the first values
    predicted from the few there are (with W, from silence before). Backwards it is a recursion of `order` products.
    Sources: Papamakarios, Pavlakou, Murray (2017), "Masked autoregressive flow for density estimation"; Durbin (1960).
    """

    lines: Lines
    whitener: Sections
    reflections: Float[np.ndarray, " order"]
    marginal: Mixture
    variance: float = eqx.field(static=True)
    spread: float = eqx.field(static=True)
    rate: float = eqx.field(static=True)
    length: int = eqx.field(static=True)

    @classmethod
    def fit(cls, takes: Float[np.ndarray, "takes values"], rate: float, length: int, order: int | None = None) -> Self:
        """Fitted to takes longer than the windows wanted: predictor by the spectrum, marginal by likelihood.

        `order` is one less than the length, so that windows of Gaussian data are exact even where their spectrum has
        zeros, up to 511; or 64 for sound. Raises ValueError when the takes are shorter than a window or than twice the
        order.
        """
        takes = np.atleast_2d(np.asarray(takes, np.float64))
        sound = rate >= SOUND and length >= LONG
        order = order or (ORDER if sound else min(length - 1, MOST))
        least = max(length, 2 * order)
        if takes.shape[1] < least:
            raise ValueError(f"takes have {takes.shape[1]} values, but must have at least {least}: give longer ones")
        size = max(fineness(takes, length), 2 * order)
        lines = find_lines(takes, rate) if length <= SHORT else Lines.none()
        power = density(takes, size)
        floor = floor_of(power, lines, rate)
        whitener = warped.whitener(floor, WARPED, WARP) if sound else np.zeros((0, 6))
        lags = correlation_of(floor * warped.response(whitener, floor.size), order + 1)
        made = cls(
            lines=lines,
            whitener=whitener,
            reflections=reflections(lags),
            marginal=Mixture.normal(),
            variance=float(lags[0]),
            spread=level_spread(takes, power),
            rate=float(rate),
            length=length,
        )
        return made._with_marginal(takes)

    def _with_marginal(self, takes: Float[np.ndarray, "takes values"]) -> Self:
        """The flow with the distribution that the innovations have, in units of their deviation."""
        settled = min(self._warm(), takes.shape[1] // 2)
        some = takes[: max(1, ENOUGH // takes.shape[1])]
        values = self.innovations(without(some, self.lines, self.rate))[:, settled:].ravel()
        values = values[:: max(1, values.size // SEEN)]
        made: Self = eqx.tree_at(lambda flow: flow.marginal, self, Mixture.fit(values / values.std()))
        return made

    @property
    def predictors(self) -> Predictors:
        return predictors(np.asarray(self.reflections, np.float64), self.variance)

    def innovations(self, x: Float[np.ndarray, "*takes values"]) -> Float[np.ndarray, "*takes values"]:
        """e."""
        return innovations(warped.filtered(np.asarray(self.whitener, np.float64), x), self.predictors)

    def forward(self, x: Float[np.ndarray, "*takes values"]) -> Float[np.ndarray, "*takes values"]:
        """The normal values of takes whose lines were taken off."""
        return self.marginal.normalised(self.innovations(x))

    def inverse(self, z: Float[np.ndarray, "*takes values"]) -> Float[np.ndarray, "*takes values"]:
        """The takes, lines not yet in them, of normal values."""
        made = grown(self.marginal.restored(z), self.predictors)
        return warped.unfiltered(np.asarray(self.whitener, np.float64), made)

    def log_density(self, x: Float[np.ndarray, "*takes values"]) -> Float[np.ndarray, "*takes"]:
        """ln p of takes whose lines were taken off."""
        errors = self.predictors.errors
        scale = np.full(x.shape[-1], 0.5 * np.log(errors[-1]))
        head = min(errors.size, scale.size)
        scale[:head] = 0.5 * np.log(errors[:head])
        return np.asarray(np.sum(self.marginal.log_density(self.innovations(x)) - scale, axis=-1))

    def read(self, key: Any, start: int, count: int) -> Float[np.ndarray, " count"]:
        take, warm = take_of(key), self._warm()
        # The recursion begins a little earlier than it is heard, so that what was before has died away.
        made = self.inverse(white(take, "flow", start - warm, count + warm))[warm:]
        return np.asarray(self.lines.read(take, start, count, self.rate) + self._gain(take) * made)

    def sample(self, key: Any, count: int) -> Float[np.ndarray, "count length"]:
        takes, warm = takes_of(key, count), RINGING if len(self.whitener) else 0
        made = self.inverse(np.stack([white(take, "flow", -warm, self.length + warm) for take in takes]))[:, warm:]
        wave = [self.lines.read(take, 0, self.length, self.rate) for take in takes]
        return np.stack([self._gain(take) * x + w for take, x, w in zip(takes, made, wave, strict=True)])

    def _warm(self) -> int:
        return WARM * np.size(self.reflections) + (RINGING if len(self.whitener) else 0)

    def _gain(self, take: tuple[int, ...]) -> float:
        return float(np.exp(0.5 * self.spread * generator(take, "level").standard_normal() - self.spread**2 / 4))


def without(takes: Float[np.ndarray, "takes values"], lines: Lines, rate: float) -> Float[np.ndarray, "takes values"]:
    """Takes less the best sines and cosines in the few bins that each line and its wander cover."""
    if not np.size(lines.frequencies):
        return takes
    size = takes.shape[1]
    step = rate / size
    spots = np.concatenate([f + step * np.arange(-4, 4.5) for f in np.asarray(lines.frequencies)])
    angle = 2 * np.pi * np.outer(np.arange(size) / rate, spots)
    waves, _ = np.linalg.qr(np.concatenate([np.cos(angle), np.sin(angle)], axis=1))
    return np.asarray(takes - (takes @ waves) @ waves.T)
