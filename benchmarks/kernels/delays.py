"""A fractional delay that moves at every sample, beside the same written with PyTorch's gather."""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.bench.case import Asked, Kernel, Peer, Place, Problem, Size
from benchmarks.bench.limit import Work
from benchmarks.bench.sides import Arrays, Right, Side, jax_side, torch_side
from benchmarks.kernels.signals import RATE, noise, weights_like
from ddspfx.signal.delay import lagged_read
from ddspfx.signal.interpolation import Kernel as Taps
from ddspfx.signal.interpolation import kernel as interpolator

PAST = 512
"""Samples of silence before the signal: more than the longest delay and the taps."""


def wander(size: Size) -> np.ndarray:
    """A delay in samples around 5 ms, that sways by 2 ms slowly and by 10 µs fast, each signal in its own way."""
    time = np.arange(size.samples) / RATE + 0.37 * np.arange(size.batch)[:, None]
    milliseconds = 5 + 2 * np.sin(2 * np.pi * 0.55 * time) + 0.01 * np.sin(2 * np.pi * 9.3 * time)
    return (milliseconds * 1e-3 * RATE).astype(np.float32)


def ours(taps: Taps, x: jax.Array, delay: jax.Array) -> jax.Array:
    past = jnp.zeros((x.shape[0], PAST), x.dtype)
    return lagged_read(past, x, jnp.full((1, 1), PAST), delay, taps, x.shape[1])


def _places(taps: int, delay: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The place of the oldest tap on the padded line, and the fraction."""
    whole = np.floor(delay)
    return (PAST + np.arange(delay.shape[1]) - whole - taps // 2).astype(np.int64), delay - whole


def _weights(taps: Taps, fraction: np.ndarray) -> list[np.ndarray]:
    """The taps, oldest sample first."""
    return [np.polyval(row[::-1], fraction - 0.5) for row in taps[::-1]]


def _read(taps: Taps, line: np.ndarray, delay: np.ndarray) -> np.ndarray:
    first, fraction = _places(len(taps), delay)
    rows = np.arange(len(line))[:, None]
    return sum(h * line[rows, first + k] for k, h in enumerate(_weights(taps, fraction)))


def right(taps: Taps, x: np.ndarray, delay: np.ndarray, weights: np.ndarray) -> Right:
    """NumPy's float64; the slope by the delay is a difference within the same fraction, the one by x the transpose."""
    x, delay, weights = x.astype(float), delay.astype(float), weights.astype(float)
    line = np.pad(x, ((0, 0), (PAST, PAST)))
    first, fraction = _places(len(taps), delay)
    rows, step = np.arange(len(line))[:, None], 1e-6
    up, down = _weights(taps, fraction + step), _weights(taps, fraction - step)
    by_delay = sum((u - v) / (2 * step) * line[rows, first + k] for k, (u, v) in enumerate(zip(up, down, strict=True)))
    by_line = np.zeros(line.size)
    for k, h in enumerate(_weights(taps, fraction)):
        flat = (rows * line.shape[1] + first + k).ravel()
        by_line += np.bincount(flat, (weights * h).ravel(), line.size)
    slope = by_line.reshape(line.shape)[:, PAST:-PAST]
    return Right(_read(taps, line, delay), {"x": slope, "delay": weights * by_delay})


def gather(taps: Taps, arrays: Arrays, weights: np.ndarray, device: str) -> Side:
    """The gather with all taps at once: indices and weights (batch, samples, taps)."""
    import torch

    matrix = torch.as_tensor(np.array(taps[::-1]), dtype=torch.float32, device=device)
    reach, powers = torch.arange(len(taps), device=device), torch.arange(taps.shape[1], device=device)

    def run(x: Any, delay: Any) -> Any:
        line = torch.nn.functional.pad(x, (PAST, PAST))
        whole = torch.floor(delay.detach())
        first = torch.arange(x.shape[1], device=device) + (PAST - len(taps) // 2) - whole.long()
        index = first[..., None] + reach
        window = torch.gather(line, 1, index.flatten(1)).view(index.shape)
        u = delay - whole
        if len(taps) == 2:
            return window[..., 1] + u * (window[..., 0] - window[..., 1])
        return (window * ((u - 0.5)[..., None] ** powers @ matrix.T)).sum(-1)

    return torch_side(run, arrays, weights, device)


def gather_by_tap(taps: Taps, arrays: Arrays, weights: np.ndarray, device: str) -> Side:
    """The gather tap by tap: less memory, Horner's rule for the weights."""
    import torch

    def run(x: Any, delay: Any) -> Any:
        line = torch.nn.functional.pad(x, (PAST, PAST))
        whole = torch.floor(delay.detach())
        first = torch.arange(x.shape[1], device=device) + (PAST - len(taps) // 2) - whole.long()
        u = delay - whole - 0.5
        y = 0.0
        for k, row in enumerate(taps[::-1].tolist()):
            h = row[-1] * torch.ones_like(u)
            for value in row[-2::-1]:
                h = h * u + value
            y = y + h * torch.gather(line, 1, first + k)
        return y

    return torch_side(run, arrays, weights, device)


def farrow(taps: Taps, arrays: Arrays, weights: np.ndarray, device: str) -> Side:
    """Farrow's structure: a few FIRs by conv1d, one gather of all, Horner's rule; more than a gather asks for."""
    import torch

    bank = torch.as_tensor(np.array(taps[::-1].T[:, None]), dtype=torch.float32, device=device)

    def run(x: Any, delay: Any) -> Any:
        line = torch.nn.functional.pad(x, (PAST, PAST))
        rows = torch.nn.functional.conv1d(line[:, None], bank)
        whole = torch.floor(delay.detach())
        first = torch.arange(x.shape[1], device=device) + (PAST - len(taps) // 2) - whole.long()
        u = delay - whole - 0.5
        parts = torch.gather(rows, 2, first[:, None].expand(-1, len(bank), -1)).unbind(1)
        y = parts[-1]
        for part in parts[-2::-1]:
            y = y * u + part
        return y

    return torch_side(run, arrays, weights, device)


class Delay(Kernel):
    """A delay with an interpolator."""

    interpolation: ClassVar[str]
    sizes = (Size(10 * RATE, 8),)

    def problem(self, size: Size, place: Place) -> Problem:
        taps = interpolator(self.interpolation)
        x = noise(size)
        delay, weights = wander(size), weights_like(x)
        arrays = {"x": x, "delay": delay}
        peers = {
            "PyTorch gather": Peer(lambda: gather(taps, arrays, weights, place.torch)),
            "PyTorch gather, tap by tap": Peer(lambda: gather_by_tap(taps, arrays, weights, place.torch)),
        }
        if len(taps) > 2:
            peers["PyTorch Farrow"] = Peer(lambda: farrow(taps, arrays, weights, place.torch), counted=False)
        # A product and a sum a tap, and one operation that makes it: how many more depends on the method.
        flops = 3.0 * len(taps) * x.size
        return Problem(
            jax_side(lambda x, delay: ours(taps, x, delay), arrays, weights, place.jax),
            peers,
            lambda: right(taps, x, delay, weights),
            Work(3 * x.nbytes, flops),
            Work(5 * x.nbytes, 3 * flops),
        )


class Linear(Delay):
    """Two taps."""

    name = "moving delay, linear"
    interpolation = "linear"
    asked = Asked(1e-6, 4.0, 1.8, 1e-5)


class Lagrange(Delay):
    """Six taps."""

    name = "moving delay, Lagrange 5"
    interpolation = "lagrange5"
    asked = Asked(1e-6, 7.0, 3.5, 1e-5)


class Sinc(Delay):
    """Thirty-two taps."""

    name = "moving delay, sinc of 32 taps"
    interpolation = "sinc"
    asked = Asked(1e-6, 9.0, 9.0, 1e-5)
