"""Eight times the rate and back, beside SciPy's and PyTorch's polyphase filters."""

import functools
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.signal

from benchmarks.bench.case import Asked, Bench, Kernel, Peer, Place, Problem, Row, Size
from benchmarks.bench.limit import Work
from benchmarks.bench.sides import Arrays, Right, Side, jax_side, to_numpy, torch_side
from benchmarks.kernels.signals import RATE, noise, weights_like
from ddspfx.block import AbstractBlock
from ddspfx.blocks.oversampled import EDGE, Oversampled
from ddspfx.clock import Clock
from ddspfx.types import Audio, State

FACTOR = 8
PEERS_REJECTION = 82.0
"""With it the peers' shortest filter leaves as much alias as ours, -103 dB by `alias`."""


class Through(AbstractBlock):
    """Nothing, at the higher rate, but what `probe` adds to or keeps of the signal there."""

    probe: jax.Array | None = None

    def init_state(self, channels: int, sample_rate: int) -> State:
        return ()

    def latency(self, sample_rate: int) -> float:
        return 0.0

    def __call__(self, x: Audio, state: State, clock: Clock) -> tuple[Audio, State]:
        return (x if self.probe is None else self.probe.astype(x.dtype)), state


def ours(x: jax.Array) -> jax.Array:
    block = Oversampled(Through(), FACTOR)
    return block(x, block.init_state(x.shape[0], RATE), Clock.zero(RATE))[0]


@functools.cache
def equal() -> np.ndarray:
    """The shortest Kaiser filter at the high rate with our pass band and as little alias, an odd number of taps."""
    width = 2 * (1 - 2 * EDGE) / FACTOR
    count, beta = scipy.signal.kaiserord(PEERS_REJECTION, width)
    return scipy.signal.firwin(count | 1, 1 / FACTOR, window=("kaiser", beta))


def scipy_side(x: np.ndarray, taps: np.ndarray | None) -> Side:
    window = ("kaiser", 5.0) if taps is None else taps.astype(np.float32)

    def run() -> np.ndarray:
        high = scipy.signal.resample_poly(x, FACTOR, 1, axis=1, window=window)
        return scipy.signal.resample_poly(high, 1, FACTOR, axis=1, window=window)

    return Side(run)


def toeplitz(taps: np.ndarray, block: int) -> tuple[np.ndarray, np.ndarray, int]:
    """The same filter as two matrices: a block of inputs to its outputs at the high rate, and back; and the margin."""
    half = taps.size // 2
    margin = -(-half // FACTOR)
    h = np.pad(taps, FACTOR * (block + 2 * margin))
    centre = half + FACTOR * (block + 2 * margin)
    low, high = np.arange(block + 2 * margin) - margin, np.arange(FACTOR * block)
    up = FACTOR * h[centre + high[None, :] - FACTOR * low[:, None]]
    wide = np.arange(FACTOR * (block + 2 * margin)) - FACTOR * margin
    down = h[centre + FACTOR * np.arange(block)[None, :] - wide[:, None]]
    return up.astype(np.float32), down.astype(np.float32), margin


def torch_polyphase(arrays: Arrays, weights: np.ndarray, device: str) -> Side:
    """The same filter as products of overlapping blocks with a matrix: eight times as fast here as conv1d by phases."""
    import torch
    from torch.nn import functional

    block, (batch, count) = 32, arrays["x"].shape
    up, down, margin = toeplitz(equal(), block)
    up, down = (torch.as_tensor(matrix, device=device) for matrix in (up, down))
    rest = -count % block

    def run(x: Any) -> Any:
        windows = functional.pad(x, (margin, margin + rest)).unfold(1, block + 2 * margin, block)
        high = (windows @ up).reshape(batch, -1)
        high = functional.pad(high, (FACTOR * margin, FACTOR * margin))
        windows = high.unfold(1, FACTOR * (block + 2 * margin), FACTOR * block)
        return (windows @ down).reshape(batch, -1)[:, :count]

    return torch_side(run, arrays, weights, device)


def right(x: np.ndarray, weights: np.ndarray) -> Right:
    """Both cascades of our filters as one long FIR each, in float64: the impulse response of the round trip."""
    spacing = 512
    late = round(Oversampled(Through(), FACTOR).latency(RATE))
    impulse = np.zeros((1, spacing), np.float32)
    impulse[0, spacing // 4] = 1
    with jax.enable_x64(True):
        taps = to_numpy(ours(jnp.asarray(impulse, jnp.float64)))[0][spacing // 4 :]
    assert abs(taps[late] - 1) < 0.1, "the round trip keeps the signal"
    count = x.shape[1]
    value = scipy.signal.oaconvolve(x.astype(float), taps[None], axes=1)[:, :count]
    slope = scipy.signal.oaconvolve(weights[:, ::-1].astype(float), taps[None], axes=1)[:, :count][:, ::-1]
    return Right(value, {"x": slope})


def alias() -> float:
    """What comes back, in the pass band, of noise that lies above it at the high rate: a ratio of amplitudes."""
    size = Size(2**14, 1)
    random = np.random.default_rng(4)
    spectrum = np.fft.rfft(random.normal(size=size.samples * FACTOR))
    frequency = np.fft.rfftfreq(size.samples * FACTOR, 1 / (FACTOR * RATE))
    probe = np.fft.irfft(spectrum * (frequency > RATE * (1 - EDGE)))
    block = Oversampled(Through(jnp.asarray(probe[None], jnp.float32)), FACTOR)
    y = jax.jit(lambda x: block(x, block.init_state(1, RATE), Clock.zero(RATE))[0])(jnp.zeros((1, size.samples)))
    return _below(to_numpy(y)[0], EDGE * RATE, RATE) / float(np.sqrt(np.mean(probe**2)))


def _below(y: np.ndarray, edge: float, rate: float) -> float:
    """Root mean square of what lies below a frequency, the ends of the signal left out."""
    y = y[1024:-1024] * np.blackman(y.size - 2048)
    spectrum = np.fft.rfft(y) * (np.fft.rfftfreq(y.size, 1 / rate) < edge)
    return float(np.sqrt(np.mean(np.fft.irfft(spectrum) ** 2) / np.mean(np.blackman(y.size) ** 2)))


class Oversampling(Kernel):
    """The round trip beside filters that reject as much."""

    name = "oversampling 8×"
    asked = Asked(1e-4, 1.0, 1.0, 1e-4)
    sizes = (Size(10 * RATE, 8),)
    note = (
        "peers with our pass band and as little alias; error: alias in the pass band as a ratio of amplitudes. "
        "resample_poly with its default filter, which leaves -47 dB, is timed too, in the JSON"
    )

    def problem(self, size: Size, place: Place) -> Problem:
        x = noise(size)
        weights, arrays = weights_like(x), {"x": x}
        taps = 2.0 * 2 * equal().size / FACTOR
        return Problem(
            jax_side(ours, arrays, weights, place.jax),
            {
                "scipy resample_poly": Peer(lambda: scipy_side(x, equal()), same=False),
                "torch polyphase": Peer(lambda: torch_polyphase(arrays, weights, place.torch), same=False),
                "scipy resample_poly, default filter": Peer(lambda: scipy_side(x, None), counted=False, same=False),
            },
            lambda: right(x, weights),
            Work(2 * x.nbytes, taps * x.size),
            Work(3 * x.nbytes, 2 * taps * x.size),
        )

    def rows(self, bench: Bench) -> Iterator[Row]:
        for row in super().rows(bench):
            folded = alias()
            row |= {"alias_db": 20 * float(np.log10(folded)), "exact_error": row["error"]}
            row["error"] = max(row["error"], folded)
            if folded > self.asked.error:
                row |= {"correct": False, "wrong": [*row["wrong"], "ddspfx, alias"]}
            yield row
