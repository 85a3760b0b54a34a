"""A learned marginal: a mixture of Gaussians as an invertible map between what it describes and a normal value."""

from typing import Any, Self

import equinox as eqx
import numpy as np
from jaxtyping import Float

PARTS = 5
ROUNDS = 60
"""Of expectation and maximisation."""
NEWTON = 60
"""Steps of the inversion at most; bisection guards each of them."""


class Mixture(eqx.Module):
    """p(e) = sum_k w_k N(e; m_k, s_k^2), and the map z = Phi^-1(P(e)), which makes it standard normal."""

    weights: Float[np.ndarray, " parts"]
    means: Float[np.ndarray, " parts"]
    deviations: Float[np.ndarray, " parts"]

    @classmethod
    def normal(cls) -> Self:
        """The identity: p is the standard normal density."""
        return cls(np.ones(1), np.zeros(1), np.ones(1))

    @classmethod
    def fit(cls, values: Float[np.ndarray, " values"], parts: int = PARTS) -> Self:
        """By expectation and maximisation, begun with one centre and rising widths.

        One Gaussian stays where more do not raise the likelihood by more than Schwarz (1978) asks for their numbers.
        Source: Dempster, Laird, Rubin (1977), "Maximum likelihood from incomplete data via the EM algorithm".
        """
        one = cls(np.ones(1), np.full(1, values.mean()), np.full(1, values.std()))
        shares, means = np.full(parts, 1 / parts), np.full(parts, values.mean())
        deviations = values.std() * np.geomspace(0.5, 2.0, parts)
        for _ in range(ROUNDS):
            logs = _logs(values, shares, means, deviations)
            belongs = np.exp(logs - _total(logs))
            counts = belongs.sum(axis=1) + 1e-9
            shares, means = counts / counts.sum(), belongs @ values / counts
            power = np.sum(belongs * (values - means[:, None]) ** 2, axis=1) / counts
            deviations = np.sqrt(np.maximum(power, 1e-6 * values.var()))
        many = cls(shares, means, deviations)
        gained = float(np.sum(many.log_density(values) - one.log_density(values)))
        return many if gained > 0.5 * 3 * (parts - 1) * np.log(values.size) else one

    def log_density(self, values: Any) -> Float[np.ndarray, "..."]:
        """ln p."""
        logs = _logs(np.asarray(values, np.float64), self.weights, self.means, self.deviations)
        return np.asarray(_total(logs))

    def normalised(self, values: Any) -> Float[np.ndarray, "..."]:
        """z, by the tail nearer to each value, so that far values keep their digits."""
        from scipy.special import log_ndtr, logsumexp, ndtri_exp

        place = self._places(np.asarray(values, np.float64))
        logs = np.log(_column(self.weights, place))
        below, above = logsumexp(logs + log_ndtr(place), axis=0), logsumexp(logs + log_ndtr(-place), axis=0)
        return np.asarray(np.where(below < above, ndtri_exp(below), -ndtri_exp(above)))

    def restored(self, z: Any) -> Float[np.ndarray, "..."]:
        """The inverse of `normalised`: Newton's steps on z(e), within a bracket that halves when they leave it."""
        z = np.asarray(z, np.float64)
        if np.size(self.weights) == 1:
            return np.asarray(self.means[0] + self.deviations[0] * z)
        corners = np.stack([m + s * z for m, s in zip(self.means, self.deviations, strict=True)])
        # z lies between what its parts would make of it, each alone.
        low, high = corners.min(axis=0), corners.max(axis=0)
        value = np.interp(z, *self._table())
        value = np.asarray(np.clip(value, low, high))
        for _ in range(NEWTON):
            off = self.normalised(value) - z
            low, high = np.where(off < 0, value, low), np.where(off > 0, value, high)
            slope = np.exp(self.log_density(value) + 0.5 * (z + off) ** 2 + 0.5 * np.log(2 * np.pi))
            ahead = value - off / np.maximum(slope, 1e-12)
            value = np.where((ahead >= low) & (ahead <= high), ahead, 0.5 * (low + high))
            if np.max(np.abs(off), initial=0.0) < 1e-11:
                break
        return np.asarray(value)

    def _table(self) -> tuple[Float[np.ndarray, " points"], Float[np.ndarray, " points"]]:
        z = np.linspace(-7, 7, 401)
        grid = np.concatenate([m + s * z for m, s in zip(self.means, self.deviations, strict=True)])
        grid = np.unique(grid)
        return self.normalised(grid), grid

    def _places(self, values: Float[np.ndarray, "..."]) -> Float[np.ndarray, "parts ..."]:
        return np.asarray((values - _column(self.means, values[None])) / _column(self.deviations, values[None]))


def _column(row: Any, like: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    return np.asarray(row, np.float64).reshape((-1,) + (1,) * (like.ndim - 1))


def _logs(values: Any, weights: Any, means: Any, deviations: Any) -> Float[np.ndarray, "parts ..."]:
    places = (values - _column(means, values[None])) / _column(deviations, values[None])
    return np.asarray(np.log(_column(weights / (deviations * np.sqrt(2 * np.pi)), places)) - 0.5 * places**2)


def _total(logs: Float[np.ndarray, "parts ..."]) -> Float[np.ndarray, "..."]:
    from scipy.special import logsumexp

    return np.asarray(logsumexp(logs, axis=0))
