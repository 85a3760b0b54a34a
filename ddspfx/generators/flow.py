"""An autoregressive flow: linear prediction makes a take white, a mixture makes it normal, and both run backwards."""

from typing import Any, Self

import equinox as eqx
import numpy as np
from jaxtyping import Float

from ddspfx.generators.find_lines import find_lines
from ddspfx.generators.generator import AbstractGenerator, takes_of
from ddspfx.generators.lines import Lines
from ddspfx.generators.mixture import Mixture
from ddspfx.generators.noise import density, generator, take_of, white
from ddspfx.generators.parametric import floor_of, level_spread
from ddspfx.generators.prediction import Predictors, correlation_of, grown, innovations, predictors

ORDER = 256
WARM = 8
"""Orders that an endless take runs before it is read: as long as its predictor remembers."""
SEEN = 100_000
"""Innovations at most from which the marginal is learned."""


class Flow(AbstractGenerator):
    """z_n = Phi^-1(P((x_n - l_n - sum_k a_k (x_n-k - l_n-k)) / s)) is standard normal; P a mixture of Gaussians.

    l are the take's lines, latent, as in `Parametric`. ln p(x | l) = sum_n ln p_P(e_n) - ln s_n holds exactly, the
    first values predicted from the few there are. Runs backwards as a recursion that costs `order` products a value.
    Sources: Papamakarios, Pavlakou, Murray (2017), "Masked autoregressive flow for density estimation"; Durbin (1960).
    """

    lines: Lines
    rows: Float[np.ndarray, "orders order"]
    errors: Float[np.ndarray, " orders"]
    marginal: Mixture
    spread: float = eqx.field(static=True)
    rate: float = eqx.field(static=True)
    length: int = eqx.field(static=True)

    @classmethod
    def fit(cls, takes: Float[np.ndarray, "takes values"], rate: float, length: int, order: int = ORDER) -> Self:
        """Fitted to takes longer than the windows wanted: predictor by the spectrum, marginal by likelihood.

        Raises ValueError when the takes are shorter than a window or than twice the order.
        """
        takes = np.atleast_2d(np.asarray(takes, np.float64))
        if takes.shape[1] < max(length, 2 * order):
            raise ValueError(
                f"takes have {takes.shape[1]} values, but must have at least {max(length, 2 * order)}: give longer ones"
            )
        size = min(takes.shape[1] // 2 * 2, max(4 * length, 2 * order)) if length <= 4 * order else 16 * order
        size = min(size, takes.shape[1] // 2 * 2)
        lines = find_lines(takes, rate) if length <= 4096 else Lines.none()
        power = density(takes, size)
        found = predictors(correlation_of(floor_of(power, lines, rate), order + 1))
        spread = level_spread(takes, power)
        white_ones = innovations(without(takes, lines, rate), found)[:, order:]
        values = white_ones.ravel()[:: max(1, white_ones.size // SEEN)]
        marginal = Mixture.fit(values / values.std())
        return cls(
            lines=lines,
            rows=found.rows,
            errors=found.errors,
            marginal=marginal,
            spread=spread,
            rate=float(rate),
            length=length,
        )

    @property
    def predictors(self) -> Predictors:
        return Predictors(np.asarray(self.rows, np.float64), np.asarray(self.errors, np.float64))

    def forward(self, x: Float[np.ndarray, "*takes values"]) -> Float[np.ndarray, "*takes values"]:
        """The normal values of takes whose lines were taken off."""
        return self.marginal.normalised(innovations(x, self.predictors))

    def inverse(self, z: Float[np.ndarray, "*takes values"]) -> Float[np.ndarray, "*takes values"]:
        """The takes, lines not yet in them, of normal values."""
        return grown(self.marginal.restored(z), self.predictors)

    def log_density(self, x: Float[np.ndarray, "*takes values"]) -> Float[np.ndarray, "*takes"]:
        """ln p of takes whose lines were taken off."""
        errors = self.predictors.errors
        scale = np.full(x.shape[-1], 0.5 * np.log(errors[-1]))
        head = min(errors.size, scale.size)
        scale[:head] = 0.5 * np.log(errors[:head])
        return np.asarray(np.sum(self.marginal.log_density(innovations(x, self.predictors)) - scale, axis=-1))

    def read(self, key: Any, start: int, count: int) -> Float[np.ndarray, " count"]:
        take, warm = take_of(key), WARM * self.rows.shape[1]
        # The recursion begins a little earlier than it is heard, so that what was before has died away.
        made = self.inverse(white(take, "flow", start - warm, count + warm))[warm:]
        return np.asarray(self.lines.read(take, start, count, self.rate) + self._gain(take) * made)

    def sample(self, key: Any, count: int) -> Float[np.ndarray, "count length"]:
        takes = takes_of(key, count)
        made = self.inverse(np.stack([white(take, "flow", 0, self.length) for take in takes]))
        wave = [self.lines.read(take, 0, self.length, self.rate) for take in takes]
        return np.stack([self._gain(take) * x + w for take, x, w in zip(takes, made, wave, strict=True)])

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
