"""Twice the rate and back: linear-phase half-band filters in two phases, with their memory as state."""

import math

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ddspfx.types import Audio

Taps = Float[np.ndarray, " pairs"]

BLOCK = 32
"""Outputs a block of the product that computes an FIR."""


def halfband(edge: float, rejection: float) -> Taps:
    """One side of a half-band low-pass filter: its taps at the odd offsets 1, 3, 5 … from the centre, outermost first.

    h[m] = sin(π m / 2) / (π m) · Kaiser window; the centre is 1/2 and the other even taps are zero. It passes
    up to `edge`, a share of the low rate below 0.5, and rejects what mirrors there, from (1 - edge) of the low
    rate on, by `rejection` dB. A half-band filter errs by as much in the pass band as in the stop band.
    Raises ValueError for an edge that is not between 0 and 0.5. Source: Kaiser (1974), "Nonrecursive digital
    filter design using the I0-sinh window function", for the length and the window's shape.
    """
    if not 0 < edge < 0.5:
        raise ValueError(f"edge is {edge}, but must be between 0 and 0.5 of the lower sample rate")
    transition = math.pi * (1 - 2 * edge)
    pairs = math.ceil(((rejection - 7.95) / (2.285 * transition) + 2) / 4)
    offsets = np.arange(2 * pairs - 1, 0, -2)
    window = np.i0(0.1102 * (rejection - 8.7) * np.sqrt(1 - (offsets / (2 * pairs)) ** 2))
    taps = np.sin(np.pi * offsets / 2) / (np.pi * offsets) * window / np.i0(0.1102 * (rejection - 8.7))
    return np.asarray(taps / (4 * taps.sum()))  # unit gain at 0 Hz, and so exactly none at the high rate's Nyquist


def delay(taps: Taps) -> int:
    """How late the filter is each way, in samples of the high rate."""
    return 2 * taps.size - 1


def up_state(channels: int, taps: Taps) -> Float[Array, "channels memory"]:
    """The silence before the first sample of `up`."""
    return jnp.zeros((channels, 2 * taps.size - 1))


def up(x: Audio, past: Audio, taps: Taps) -> tuple[Audio, Audio]:
    """Twice as many samples, and the new past: one phase is the filter's odd taps, the other a plain delay."""
    line = jnp.concatenate([past.astype(x.dtype), x], axis=1)
    count = x.shape[1]
    filtered = 2 * _symmetric(line, taps, count)
    delayed = line[:, taps.size : taps.size + count]
    both = jnp.stack([filtered, delayed], axis=-1).reshape(x.shape[0], 2 * count)
    return both, line[:, count:]


def down_state(channels: int, taps: Taps) -> tuple[Audio, Audio]:
    """The silence before the first sample of `down`, for each phase."""
    return jnp.zeros((channels, 2 * taps.size - 1)), jnp.zeros((channels, taps.size))


def down(x: Audio, past: tuple[Audio, Audio], taps: Taps) -> tuple[Audio, tuple[Audio, Audio]]:
    """Half as many samples, and the new past; `x` has an even number of them."""
    count = x.shape[1] // 2
    phases = x.reshape(x.shape[0], count, 2)
    even = jnp.concatenate([past[0].astype(x.dtype), phases[..., 0]], axis=1)
    odd = jnp.concatenate([past[1].astype(x.dtype), phases[..., 1]], axis=1)
    return _symmetric(even, taps, count) + odd[:, :count] / 2, (even[:, count:], odd[:, count:])


def _symmetric(line: Audio, half: Taps, count: int) -> Audio:
    """The FIR of `half` and its mirror image over a line that begins 2 pairs - 1 samples before the first output.

    Overlapping blocks times a Toeplitz matrix: its gradient is such a product too, three times as fast as
    that of a sum of shifted lines.
    """
    taps, size = np.concatenate([half, half[::-1]]), min(BLOCK, count)
    matrix = np.zeros((size + taps.size - 1, size))
    for i in range(size):
        matrix[i : i + taps.size, i] = taps
    blocks = -(-count // size)
    line = jnp.pad(line, ((0, 0), (0, blocks * size - count)))
    windows = line[:, np.arange(blocks)[:, None] * size + np.arange(matrix.shape[0])]
    done = jnp.einsum("cbk,ks->cbs", windows, jnp.asarray(matrix, line.dtype), precision="highest")
    return done.reshape(line.shape[0], blocks * size)[:, :count]
