"""An FIR for the half ellipse of a contact, whose length may move: taps as polynomials in its square."""

from functools import lru_cache

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ddspfx.signal.polyphase import FRAME, framed
from ddspfx.types import Audio, Readable

HALF = 12
"""Taps on either side of the middle one."""
EDGE = 20_000 / 44_100
"""Share of the sample rate up to which the taps meet the curve."""
SMALL = 3e-7
"""Terms of the series that are left out stay below this."""
MOST_TERMS, GRID = 60, 300


@lru_cache
def half_ellipse(longest: float) -> Float[np.ndarray, "terms taps"]:
    """Taps of T_p(2 q - 1) for H = 2 J1(w T) / (w T), q = (T / longest)^2, T and `longest` in samples.

    The series of Chebyshev is in q since H is even in T; taps are nearest in squares up to `EDGE`.
    """
    from scipy.special import j1

    w = 2 * np.pi * EDGE * (np.arange(GRID) + 0.5) / GRID
    nodes = np.cos(np.pi * (np.arange(MOST_TERMS) + 0.5) / MOST_TERMS)
    u = np.maximum(w * longest * np.sqrt((1 + nodes[:, None]) / 2), 1e-9)
    terms = np.polynomial.chebyshev.chebfit(nodes, 2 * j1(u) / u, MOST_TERMS - 1)
    kept = np.flatnonzero(np.abs(terms).max(axis=1) > SMALL)[-1] + 1
    n = np.arange(HALF + 1)
    side = np.linalg.lstsq(np.cos(w[:, None] * n) * np.where(n == 0, 1, 2), terms[:kept].T, rcond=None)[0].T
    return np.concatenate([side[:, :0:-1], side], axis=1)


def chebyshev(share: Readable, terms: int) -> list[Readable]:
    """T_p(2 q - 1) for p from 0 on."""
    place = 2 * share - 1
    rows = [jnp.ones_like(place), place]
    while len(rows) < terms:
        rows.append(2 * place * rows[-1] - rows[-2])
    return rows[:terms]


def series(share: Float[Array, "rows 1"], taps: Float[np.ndarray, "terms taps"]) -> Float[Array, "rows taps"]:
    """The taps of lengths that stand still."""
    rows = jnp.concatenate(chebyshev(share, len(taps)), axis=1)
    return jnp.matmul(rows, jnp.asarray(taps, rows.dtype), precision="highest")


def blended(line: Audio, share: Float[Array, "channels_or_1 count"], taps: Float[np.ndarray, "terms taps"]) -> Audio:
    """The FIRs of all terms over a line that begins 2 HALF samples early, mixed as the length of each sample asks."""
    count, size = share.shape[1], taps.shape[1]
    frame = min(FRAME, count)
    matrix = np.zeros((size - 1 + frame, len(taps), frame))
    for n in range(frame):
        matrix[n : n + size, :, n] = taps.T  # as symmetric as it is, it need not be turned
    made = framed(line, matrix.reshape(size - 1 + frame, -1), frame, count)
    made = made.reshape(line.shape[0], -1, len(taps), frame)
    padded = jnp.pad(share, ((0, 0), (0, made.shape[1] * frame - count)))
    rows = chebyshev(padded.reshape(share.shape[0], -1, frame), len(taps))
    mixed = [row * made[:, :, p] for p, row in enumerate(rows)]
    return sum(mixed[1:], mixed[0]).reshape(line.shape[0], -1)[:, :count]


__all__ = ["HALF", "blended", "half_ellipse", "series"]
