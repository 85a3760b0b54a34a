"""Convolution with taps: direct for few, by FFT in partitions for many; the same for every split of the signal."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ddspfx.types import Audio

_DIRECT_TAPS = 32
"""Up to this many taps the sum of products is faster than the FFT, at any length."""
_DIRECT_WORK = 2**14
"""Products a channel below which the FFT does not pay, in short pieces with long taps."""


def fir(
    x: Audio, taps: Float[Array, "taps"] | Float[Array, "channels taps"], past: Float[Array, "channels taps_less_1"]
) -> tuple[Audio, Float[Array, "channels taps_less_1"]]:
    """y[n] = sum_k taps[k] x[n - k] with no added latency, and the last taps - 1 samples of input as memory."""
    line = jnp.concatenate([past.astype(x.dtype), x], axis=1)
    taps = jnp.broadcast_to(taps, (x.shape[0], taps.shape[-1]))
    size, count = taps.shape[1], x.shape[1]
    few = size <= _DIRECT_TAPS or size * count <= _DIRECT_WORK
    y = (direct if few else overlap_save)(line, taps)
    return y, line[:, line.shape[1] - (size - 1) :]


def direct(line: Float[Array, "channels line"], taps: Float[Array, "channels taps"]) -> Audio:
    """The sum of products wherever the taps lie wholly on the line."""
    return jax.vmap(lambda row, h: jnp.convolve(row, h, mode="valid", precision=jax.lax.Precision.HIGHEST))(line, taps)


def overlap_save(line: Float[Array, "channels line"], taps: Float[Array, "channels taps"]) -> Audio:
    """What `direct` gives, by FFT: the line in overlapping frames, of which each yields what did not wrap.

    A frame is the smallest power of two that holds line or four times the taps, so memory and time grow with
    the line alone. Source: Oppenheim and Schafer (2010), "Discrete-Time Signal Processing", section 8.7.3.
    """
    size, count = taps.shape[1], line.shape[1] - taps.shape[1] + 1
    frame = 2 ** (min(line.shape[1], 4 * size) - 1).bit_length()
    hop = frame - size + 1
    frames = -(-count // hop)
    line = jnp.pad(line, ((0, 0), (0, (frames - 1) * hop + frame - line.shape[1])))
    cut = line[:, jnp.arange(frames)[:, None] * hop + jnp.arange(frame)]
    spectra = jnp.fft.rfft(cut) * jnp.fft.rfft(taps, frame)[:, None]
    y = jnp.fft.irfft(spectra, frame)[..., size - 1 :]
    return y.reshape(line.shape[0], -1)[:, :count]


__all__ = ["direct", "fir", "overlap_save"]
