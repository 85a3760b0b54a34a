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
from ddspfx.blocks.oversampled import EDGE, REJECTION, Oversampled
from ddspfx.clock import Clock
from ddspfx.types import Audio, State

FACTOR = 8


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
    """The shortest Kaiser filter at the high rate with our pass band and rejection, an odd number of taps."""
    width = 2 * (1 - 2 * EDGE) / FACTOR
    count, beta = scipy.signal.kaiserord(REJECTION, width)
    return scipy.signal.firwin(count | 1, 1 / FACTOR, window=("kaiser", beta))


def scipy_side(x: np.ndarray, taps: np.ndarray | None) -> Side:
    window = ("kaiser", 5.0) if taps is None else taps.astype(np.float32)

    def run() -> np.ndarray:
        high = scipy.signal.resample_poly(x, FACTOR, 1, axis=1, window=window)
        return scipy.signal.resample_poly(high, 1, FACTOR, axis=1, window=window)

    return Side(run)


def torch_polyphase(arrays: Arrays, weights: np.ndarray, device: str) -> Side:
    """Up by a conv1d with one output a phase, down by one with a stride, the same filter."""
    import torch
    from torch.nn import functional

    taps = equal()
    half, reach = taps.size // 2, -(-(taps.size // 2) // FACTOR)
    padded = np.pad(taps, reach * FACTOR - half)
    phases = np.stack(
        [np.append(padded, np.zeros(FACTOR))[p : p + 2 * reach * FACTOR + 1 : FACTOR] for p in range(FACTOR)]
    )
    up = torch.as_tensor(FACTOR * phases[:, ::-1].copy(), dtype=torch.float32, device=device)[:, None]
    down = torch.as_tensor(taps.copy(), dtype=torch.float32, device=device)[None, None]

    def run(x: Any) -> Any:
        rows = functional.conv1d(functional.pad(x[:, None], (reach, reach)), up)
        high = rows.transpose(1, 2).reshape(x.shape[0], 1, -1)
        return functional.conv1d(functional.pad(high, (half, half)), down, stride=FACTOR)[:, 0]

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
    note = "peers with our pass band and rejection; error: alias and image in the pass band, as a ratio of amplitudes"

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
            row["alias_db"] = 20 * float(np.log10(alias()))
            row["exact_error"], row["error"] = row["error"], max(row["error"], alias())
            row["correct"] = row["correct"] and row["error"] <= row["error_asked"]
            yield row
