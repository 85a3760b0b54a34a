"""A smooth line through points that step at known places."""

from collections.abc import Sequence

import numpy as np

from ddspfx.alignment.interpolate import Reals
from ddspfx.alignment.smoother import second_difference_bands

_REWEIGHTS = 5
_CAUCHY = 2.4  # deviations beyond which a point begins to lose its say
_FAINT = 1e-15  # of the surest point: what holds a line that no point holds


def stepped(
    values: Reals, variances: Reals, bend: float, cuts: Sequence[int], level: float = np.inf
) -> tuple[Reals, Reals]:
    """The smooth line and the steps (cuts,) that the values take from each index of `cuts` on.

    argmin Σ (v - s - Σ_k L_k·[n ≥ cut_k])²/σ² + Σ (s″)²/bend² + Σ s²/level², outliers
    reweighted by Cauchy five times. The line is eliminated by one banded solve with a column for each step.
    """
    from scipy.linalg import solveh_banded

    count = len(values)
    if count < 3:
        return values.copy(), np.zeros(len(cuts))
    prior = second_difference_bands(count) / bend**2
    columns = np.stack([values, *(np.arange(count) >= cut for cut in cuts)], axis=1).astype(np.float64)
    trust = 1 / variances
    weights, line, steps = trust, values, np.zeros(len(cuts))
    for _ in range(_REWEIGHTS + 1):
        bands = prior.copy()
        bands[2] += weights + _FAINT * np.max(trust) + 1 / level**2
        pulled = weights[:, None] * columns
        solved = solveh_banded(bands, pulled)
        if len(cuts):
            normal = columns[:, 1:].T @ (pulled - weights[:, None] * solved)
            own = normal[:, 1:] + 1e-9 * np.trace(normal[:, 1:]) / len(cuts) * np.eye(len(cuts))
            steps = np.linalg.solve(own, normal[:, 0])
        line = solved[:, 0] - solved[:, 1:] @ steps
        left = values - line - columns[:, 1:] @ steps
        weights = trust / (1 + left**2 * trust / _CAUCHY**2)
    return line, steps
