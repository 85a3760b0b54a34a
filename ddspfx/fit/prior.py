"""What a transport is likely to do, as a cost of the knots: so that their gradient is that of a posterior."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from ddspfx.fit.refine import TEMPER
from ddspfx.source.trajectory import Trajectory
from ddspfx.types import Scalar

CORNER_HZ = 30.0
"""To which a transport's speed moves freely, as in `track`."""
STILLEST, WILDEST = 1e-4, 2e-2
"""Relative speed deviations between which a transport's own is taken, as in `track`."""


class Stiffness(NamedTuple):
    """1 / (dt q₁) and 1 / (dt⁵ q₃) of each recording's spline, q₃ = q₁ (2π corner)⁴."""

    first: Any
    third: Any


def stiffness(path: Trajectory) -> Stiffness:
    """Of stacked trajectories, the spectral density q₁ = σ² / (2 corner) from how fast each one moves by itself."""
    knots, dt = np.asarray(path.knots, np.float64), 1 / path.rate
    moves = np.diff(knots, axis=-1) / dt
    spread = np.median(np.abs(moves - np.median(moves, axis=-1, keepdims=True)), axis=-1, keepdims=True)
    q = np.clip(spread, STILLEST, WILDEST) ** 2 / (2 * CORNER_HZ)
    dtype = path.knots.dtype
    return Stiffness(
        jnp.asarray(1 / (dt * q), dtype), jnp.asarray(1 / (dt**5 * q * (2 * np.pi * CORNER_HZ) ** 4), dtype)
    )


def improbability(latents: Mapping[str, Any], priors: Mapping[str, Stiffness], samples: int) -> Scalar:
    """Σ (|D₁c|²/(dt q₁) + |D₃c|²/(dt⁵ q₃)) / (.3 samples): what the prior adds to the logarithm of the error.

    -log p = ½ .3 N log ESR + ½ cᵀRc for N samples of a Gaussian residual of unknown level, tempered as in
    `refine` because the residual is model error; so the slope of ESR (1 + cᵀRc / (.3 N)), the ESR in the second
    term held, points as that of the posterior.
    """
    total = jnp.zeros(())
    for path, firm in priors.items():
        knots = latents[path].knots
        total += jnp.sum(firm.first * jnp.diff(knots) ** 2) + jnp.sum(firm.third * jnp.diff(knots, n=3) ** 2)
    return total / (TEMPER * samples)
