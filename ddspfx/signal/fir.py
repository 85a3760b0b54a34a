"""Convolution with taps: direct for few, by FFT in partitions for many; the same for every split of the signal."""

import functools
import math
from typing import TypeAlias

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Complex, Float

from ddspfx.types import Audio

Line: TypeAlias = Float[Array, "channels line"]
Taps: TypeAlias = Float[Array, "channels_or_1 taps"]
Spectra: TypeAlias = Complex[Array, "frames channels bins"]

_DIRECT_TAPS = 32
"""Up to this many taps the sum of products is faster than the FFT, at any length."""
_DIRECT_WORK = 2**14
"""Products a channel below which the FFT does not pay, in short pieces with long taps."""
_SHORT = 256
"""Samples of a piece up to which one matrix product beats three FFTs as long as the taps."""
_LOOP = 30_000
"""What a turn of the loop over frames costs, in units of the FFT's frame log2(frame)."""
_CACHE = 2**19
"""The frame at which an FFT takes twice as long as by its operations alone, since it leaves the cache."""
_HIGHEST = jax.lax.Precision.HIGHEST


def fir(
    x: Audio, taps: Float[Array, "taps"] | Float[Array, "channels taps"], past: Float[Array, "channels taps_less_1"]
) -> tuple[Audio, Float[Array, "channels taps_less_1"]]:
    """y[n] = sum_k taps[k] x[n - k] with no added latency, and the last taps - 1 samples of input as memory."""
    line = jnp.concatenate([past.astype(x.dtype), x], axis=1)
    taps = jnp.atleast_2d(taps).astype(x.dtype)
    size, count = taps.shape[1], x.shape[1]
    few = size <= _DIRECT_TAPS or size * count <= _DIRECT_WORK
    y = (direct if few else short if count <= _SHORT else overlap_save)(line, taps)
    return y, line[:, line.shape[1] - (size - 1) :]


def direct(line: Line, taps: Taps) -> Audio:
    """The sum of products wherever the taps lie wholly on the line."""
    taps = jnp.broadcast_to(taps, (line.shape[0], taps.shape[1]))
    return jax.vmap(lambda row, h: jnp.convolve(row, h, mode="valid", precision=_HIGHEST))(line, taps)


def short(line: Line, taps: Taps) -> Audio:
    """What `direct` gives for a piece much shorter than the taps, as one matrix product.

    With n samples and the taps in rows of n, taps[q n + r] = h[q, r], every row meets the 2 n samples of the line
    that it can reach: C[r, m] = sum_q h[q, r] line[(Q - 1 - q) n + m + 1]; then y[i] = sum_r C[r, n - 1 + i - r].
    """
    channels, size = line.shape[0], taps.shape[1]
    count = line.shape[1] - size + 1
    rows = -(-size // count)
    taps = jnp.pad(taps, ((0, 0), (0, rows * count - size))).reshape(-1, rows, count)
    blocks = jnp.pad(line, ((0, 0), (rows * count - size + 1, 0))).reshape(channels, rows + 1, count)
    reach = jnp.concatenate([blocks[:, :-1], blocks[:, 1:]], axis=2)
    taps = jnp.broadcast_to(taps[:, ::-1], (channels, rows, count))
    met = jnp.einsum("cqr,cqm->crm", taps, reach, precision=_HIGHEST)
    # Rows of 2 n read as rows of 2 n - 1 move on by one each, so that what makes one sample comes to lie in a column.
    flat = met.reshape(channels, -1)[:, count:]
    flat = jnp.pad(flat, ((0, 0), (0, count * (2 * count - 1) - flat.shape[1])))
    skewed = flat.reshape(channels, count, 2 * count - 1)[:, :, :count]
    return jnp.einsum("r,crm->cm", jnp.ones(count, line.dtype), skewed, precision=_HIGHEST)


def overlap_save(line: Line, taps: Taps) -> Audio:
    """What `direct` gives, by FFT: the line in overlapping frames, of which each yields what did not wrap.

    Frames are a few times as long as the taps, so memory and time grow with the line alone. The backward pass
    takes the spectra of the line from the forward one, and lays its frames back where they were cut.
    Source: Oppenheim and Schafer (2010), "Discrete-Time Signal Processing", section 8.7.3.
    """
    y: Audio = _overlap_save(line, taps)
    return y


@jax.custom_vjp
def _overlap_save(line: Line, taps: Taps) -> Audio:
    return _framed(line, taps, keep=False)[0]


def _framed(line: Line, taps: Taps, keep: bool) -> tuple[Audio, Spectra | None]:
    size, count = taps.shape[1], line.shape[1] - taps.shape[1] + 1
    frame, hop, frames = _plan(size, count)
    line = jnp.pad(line, ((0, 0), (0, (frames - 1) * hop + frame - line.shape[1])))
    response = jnp.fft.rfft(taps, frame)

    def one(y: Audio, place: Array) -> tuple[Audio, Array | None]:
        spectrum = jnp.fft.rfft(lax.dynamic_slice_in_dim(line, place, frame, 1))
        made = jnp.fft.irfft(spectrum * response, frame)[:, size - 1 : size - 1 + hop]
        return lax.dynamic_update_slice_in_dim(y, made, place, 1), spectrum if keep else None

    y, spectra = lax.scan(one, jnp.zeros((line.shape[0], frames * hop), line.dtype), hop * jnp.arange(frames))
    return y[:, :count], spectra


def _forward(line: Line, taps: Taps) -> tuple[Audio, tuple[Spectra | None, Taps]]:
    y, spectra = _framed(line, taps, keep=True)
    return y, (spectra, taps)


def _backward(saved: tuple[Spectra, Taps], slope: Audio) -> tuple[Line, Taps]:
    spectra, taps = saved
    size, (channels, count) = taps.shape[1], slope.shape
    frame, hop, frames = _plan(size, count)
    slope = jnp.pad(slope, ((0, 0), (0, frames * hop - count)))
    response = jnp.fft.rfft(taps, frame).conj()

    def one(sums: tuple[Line, Array], now: tuple[Array, Array]) -> tuple[tuple[Line, Array], None]:
        (on_line, met), (place, spectrum) = sums, now
        wanted = lax.dynamic_slice_in_dim(slope, place, hop, 1)
        wanted = jnp.fft.rfft(jnp.pad(wanted, ((0, 0), (size - 1, frame - size + 1 - hop))))
        before = lax.dynamic_slice_in_dim(on_line, place, frame, 1)
        on_line = lax.dynamic_update_slice_in_dim(on_line, before + jnp.fft.irfft(wanted * response, frame), place, 1)
        return (on_line, met + spectrum.conj() * wanted), None

    start = jnp.zeros((channels, (frames - 1) * hop + frame), slope.dtype), jnp.zeros_like(spectra[0])
    (on_line, met), _ = lax.scan(one, start, (hop * jnp.arange(frames), spectra))
    on_taps = jnp.fft.irfft(met, frame)[:, :size]
    shared = taps.shape[0] < channels
    return on_line[:, : count + size - 1], on_taps.sum(0, keepdims=True) if shared else on_taps


_overlap_save.defvjp(_forward, _backward)


@functools.cache
def _plan(size: int, count: int) -> tuple[int, int, int]:
    """The frame, the hop and the number of frames that take the least time: a frame's FFTs, and the loop's own part."""

    def cost(plan: tuple[int, int, int]) -> float:
        frame, _, frames = plan
        return frames * (frame * math.log2(frame) * (1 + frame / _CACHE) + _LOOP)

    plans = []
    for times in (2, 3, 4, 6, 8, 12, 16, 32, 64, 128):
        frames = -(-count // ((times - 1) * size + 1))
        hop = -(-count // frames)
        plans.append((_fast(hop + size - 1), hop, frames))
    return min(plans, key=cost)


def _fast(least: int) -> int:
    """The least even 2^a 3^b 5^c that is no smaller."""
    odds = [int(3**b * 5**c) for b in range(8) for c in range(6)]
    found: int = min(odd * 2 ** max(1, (-(-least // odd) - 1).bit_length()) for odd in odds)
    return found


__all__ = ["direct", "fir", "overlap_save", "short"]
