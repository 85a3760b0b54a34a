"""The taps of an FIR block in closed form: the linear part of a fit needs no steps."""

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ddspfx.block import quiet
from ddspfx.blocks.chain import Serial
from ddspfx.blocks.fir import FIR
from ddspfx.blocks.parallel_filters import ParallelFilters
from ddspfx.fit.latents import Latents, bind, unstack
from ddspfx.fit.solve_filters import filters_solved
from ddspfx.fit.takes import Take
from ddspfx.listing import put
from ddspfx.render import render

ITERATIONS = 6
"""Of conjugate gradients: the Toeplitz start is already right up to the edges."""
FRAME = 4_096
"""Samples of a transform, at least; eight times the taps, at least."""
RIDGE = 1e-6
"""Of the input's power: what keeps frequencies that the recording does not excite from growing."""


def wiener(
    inputs: Sequence[np.ndarray],
    targets: Sequence[np.ndarray],
    taps: int,
    ridge: float = RIDGE,
    towards: np.ndarray | None = None,
) -> Float[np.ndarray, " taps"]:
    """h that minimises sum |y - h * u|^2 + ridge r_0 |h - towards|^2 over all (channels, samples) pairs, in float64.

    `towards` is zero when left out. Frequencies that play below ridge times the mean power follow it, not the data.
    Each target is as long as its input less the first taps - 1 samples, which are history: so the sums are exact
    (the covariance method), not those of a signal that starts from silence. Conjugate gradients on the normal
    equations by FFT, preconditioned by the Toeplitz matrix of the autocorrelation (Levinson's recursion).
    Source: Makhoul (1975), "Linear prediction: a tutorial review", for the covariance method; Chan and Jin (2007),
    "An introduction to iterative Toeplitz solvers".
    """
    from scipy.linalg import solve_toeplitz

    rows = [_Row.of(u, y, taps) for u, y in zip(inputs, targets, strict=True)]
    power = np.sum([row.power(taps) for row in rows], axis=0)
    if power[0] <= 0:
        return np.asarray(np.eye(1, taps)[0])
    column = power * (1 + ridge * (np.arange(taps) == 0))

    def normal(h: np.ndarray) -> np.ndarray:
        return np.asarray(sum(row.back(row.forward(h, taps), taps) for row in rows) + ridge * power[0] * h)

    right = np.asarray(sum(row.back(row.target, taps) for row in rows))
    if towards is not None:
        right = right + ridge * power[0] * towards
    h: Float[np.ndarray, " taps"] = solve_toeplitz(column, right)
    rest = right - normal(h)
    step = better = solve_toeplitz(column, rest)
    slope = rest @ better
    for _ in range(ITERATIONS):
        if slope <= 1e-20 * (right @ h):
            break
        turned = normal(step)
        stride = slope / (step @ turned)
        h, rest = h + stride * step, rest - stride * turned
        better = solve_toeplitz(column, rest)
        slope, old = rest @ better, slope
        step = better + slope / old * step
    return h


class _Row(NamedTuple):
    """One input in overlapping frames, as spectra, and its target: convolution and correlation by overlap-save.

    Frames of a few thousand samples stay in the processor's cache, where one transform of a whole recording does not.
    """

    input: np.ndarray
    spectra: np.ndarray
    target: np.ndarray
    size: int

    @classmethod
    def of(cls, u: np.ndarray, y: np.ndarray, taps: int) -> "_Row":
        if u.shape[1] != y.shape[1] + taps - 1:
            raise ValueError(f"an input has {u.shape[1]} samples, but must have {taps - 1} more than its target")
        size = max(FRAME, 8 * 2 ** int(np.ceil(np.log2(taps))))
        u, y = np.asarray(u, np.float64), np.asarray(y, np.float64)
        return cls(u, _spectra(u, taps, size), y, size)

    def power(self, taps: int) -> np.ndarray:
        """The autocorrelation, silence before and after."""
        led = _spectra(np.pad(self.input, ((0, 0), (taps - 1, 0))), taps, self.size)
        return _correlated(led, self.input, taps, self.size)

    def forward(self, h: np.ndarray, taps: int) -> np.ndarray:
        frames = np.fft.irfft(self.spectra * np.fft.rfft(h, self.size), self.size)[:, :, taps - 1 :]
        return frames.reshape(frames.shape[0], -1)[:, : self.target.shape[1]]

    def back(self, y: np.ndarray, taps: int) -> np.ndarray:
        return _correlated(self.spectra, y, taps, self.size)


def _spectra(u: np.ndarray, taps: int, size: int) -> np.ndarray:
    """Of frames of `size` that overlap by taps - 1, the last one filled up, (channels, frames, bins)."""
    hop = size - taps + 1
    frames = -(-(u.shape[1] - taps + 1) // hop)
    filled = np.pad(u, ((0, 0), (0, frames * hop + taps - 1 - u.shape[1])))
    return np.fft.rfft(np.lib.stride_tricks.sliding_window_view(filled, size, axis=1)[:, ::hop])


def _correlated(spectra: np.ndarray, y: np.ndarray, taps: int, size: int) -> np.ndarray:
    """sum_n y[n] u[n + taps - 1 - k] for k < taps, over all channels."""
    hop = size - taps + 1
    filled = np.pad(y, ((0, 0), (0, spectra.shape[1] * hop - y.shape[1]))).reshape(len(y), -1, hop)
    turned = np.fft.rfft(np.pad(filled, ((0, 0), (0, 0), (taps - 1, 0))))
    return np.asarray(np.fft.irfft(np.einsum("cfb,cfb->b", spectra.conj(), turned), size)[:taps])


def solved(
    model: Serial,
    path: str,
    latents: Latents,
    takes: Sequence[Take],
    parts: Sequence[tuple[int, int]],
    evenness: float = 0.0,
    ridge: float = RIDGE,
) -> Serial:
    """The chain with the FIR block or the bank of filters called `path` solved for the training parts.

    What stands after it must be transparent when quiet (noise that is added). `evenness` is that of
    `solve_filters.weighted` and means nothing to taps; `ridge` pulls taps towards a wire. Raises ValueError when
    `path` is no such block of the chain.
    """
    if not isinstance(model, Serial) or path not in model.names:
        raise ValueError(f"solve names {path!r}, but must name an FIR block of a Serial chain")
    place = model.names.index(path)
    block = model.blocks[place]
    if not isinstance(block, FIR | ParallelFilters):
        kind = type(block).__name__
        raise ValueError(f"solve names {path!r}, which is {kind}, but must be an FIR or ParallelFilters")
    head = Serial(**dict(zip(model.names[:place], model.blocks[:place], strict=True)))
    rows = [row for row, (start, stop) in enumerate(parts) if start < stop]
    inputs = [_played(head, latents, takes[row], row) for row in rows]
    heard, within = [takes[row] for row in rows], [parts[row] for row in rows]
    if isinstance(block, ParallelFilters):
        rate = takes[0].sample_rate
        return put(model, path, filters_solved(block, inputs, [take.wet for take in heard], within, rate, evenness))
    taps = _taps(block, inputs, heard, within, ridge)
    return put(model, f"{path}.taps", jnp.asarray(taps, block.taps.dtype))


def _played(head: Serial, latents: Latents, take: Take, row: int) -> np.ndarray:
    """What the chain before the block plays of one recording."""
    own = {p: node for p, node in unstack(latents, row).items() if p.split(".")[0] in head.names}
    return np.asarray(render(quiet(bind(head, own, take.controls)), take.dry, take.sample_rate))


def _taps(
    block: FIR, inputs: Sequence[np.ndarray], takes: Sequence[Take], parts: Sequence[tuple[int, int]], ridge: float
) -> Float[np.ndarray, " taps"]:
    history, led, targets = block.taps.shape[-1] - 1, [], []
    for u, take, (start, stop) in zip(inputs, takes, parts, strict=True):
        late = round(block.latency(take.sample_rate))
        wet = np.pad(take.wet, ((0, 0), (late, 0)))[:, : take.count]
        target = wet[:, start:stop].astype(np.float64)
        loud = np.sqrt(np.mean(target**2)) + 1e-12  # every recording counts alike, as its own error to signal does
        led.append(np.pad(u, ((0, 0), (history, 0)))[:, start : stop + history] / loud)
        targets.append(target / loud)
    wire = np.eye(1, block.taps.shape[-1], block.centre)[0]
    return wiener(led, targets, block.taps.shape[-1], ridge, wire)
