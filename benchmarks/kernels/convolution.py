"""A dilated causal convolution net beside PyTorch, and a long impulse response beside SciPy and PyTorch."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy.fft
import scipy.signal

from benchmarks.bench.case import Asked, Kernel, Peer, Place, Problem, Size
from benchmarks.bench.limit import Work
from benchmarks.bench.sides import Arrays, Right, Side, float32, jax_side, torch_right, torch_side
from benchmarks.kernels.signals import RATE, noise, weights_like
from ddspfx.blocks.tcn import TCN
from ddspfx.clock import Clock
from ddspfx.signal.fir import fir

LAYERS, CHANNELS, KERNEL = 10, 16, 3


def net() -> TCN:
    return TCN(CHANNELS, LAYERS, KERNEL, residual=False, level=0.0, key=jax.random.key(0))


def weights_of(model: TCN) -> Arrays:
    """The parameters by names that both sides share."""
    rows = {"input": model.input, "offset": model.offset}
    for place, layer in enumerate(model.layers):
        rows |= {f"{name}{place}": getattr(layer, name) for name in ("weight", "bias", "onwards", "output")}
    return float32(rows)


def _leaves(model: TCN) -> list[Any]:
    """The same parameters in the same order."""
    layers = [(layer.weight, layer.bias, layer.onwards, layer.output) for layer in model.layers]
    return [model.input, model.offset, *(leaf for layer in layers for leaf in layer)]


def played(model: TCN, x: jax.Array, **weights: jax.Array) -> jax.Array:
    model = eqx.tree_at(_leaves, model, [weights[name] for name in weights_of(model)])
    return model(x, model.init_state(x.shape[0], RATE), Clock.zero(RATE))[0]


def torch_net(x: Any, input: Any, offset: Any, **weights: Any) -> Any:
    """The same net: padding on the left, conv1d, tanh, two products."""
    from torch.nn import functional

    h = input[:, None] * x[:, None]
    y = offset
    for place in range(LAYERS):
        weight = weights[f"weight{place}"].view(CHANNELS, KERNEL, CHANNELS).flip(1).transpose(1, 2)
        step = 2**place
        padded = functional.pad(h, ((KERNEL - 1) * step, 0))
        z = functional.conv1d(padded, weight, weights[f"bias{place}"], dilation=step).tanh()
        y = y + functional.conv1d(z, weights[f"output{place}"][None, :, None])[:, 0]
        h = h + functional.conv1d(z, weights[f"onwards{place}"][..., None])
    return y


def torch_net_side(arrays: Arrays, weights: np.ndarray, device: str) -> Side:
    import torch

    torch.set_num_threads(1)
    return torch_side(torch_net, arrays, weights, device)


class Net(Kernel):
    """Ten layers of sixteen channels."""

    name = "dilated convolution net"
    asked = Asked(1e-5, 1.0, 1.0, 1e-4)
    sizes = (Size(RATE // 2, 8),)
    note = "0.5 s × 8: at 10 s the gradient of the plain network would keep more than 10 GB"

    def problem(self, size: Size, place: Place) -> Problem:
        x, model = noise(size, 1.0), net()
        arrays, weights = {"x": x, **weights_of(model)}, weights_like(x)
        flops = 2.0 * LAYERS * CHANNELS * (KERNEL * CHANNELS + CHANNELS + 2) * x.size
        return Problem(
            jax_side(lambda x, **given: played(model, x, **given), arrays, weights, place.jax),
            {"torch": Peer(lambda: torch_net_side(arrays, weights, place.torch))},
            lambda: torch_right(torch_net, arrays, weights),
            Work(2 * x.nbytes, flops),
            Work(3 * x.nbytes, 3 * flops),
        )


def response(taps: int) -> np.ndarray:
    """A room: noise that decays by 60 dB."""
    random = np.random.default_rng(2)
    return (random.normal(size=taps) * 10 ** (-3 * np.arange(taps) / taps) / np.sqrt(taps / 14)).astype(np.float32)


def ours(x: jax.Array, taps: jax.Array) -> jax.Array:
    return fir(x, taps, jnp.zeros((x.shape[0], taps.shape[0] - 1), x.dtype))[0]


def fft_side(arrays: Arrays, weights: np.ndarray, device: str) -> Side:
    import torch

    count = arrays["x"].shape[1]
    length = scipy.fft.next_fast_len(count + arrays["taps"].shape[0] - 1, real=True)

    def run(x: Any, taps: Any) -> Any:
        return torch.fft.irfft(torch.fft.rfft(x, length) * torch.fft.rfft(taps, length), length)[:, :count]

    return torch_side(run, arrays, weights, device)


def fft_blocks_side(arrays: Arrays, weights: np.ndarray, device: str) -> Side:
    """Overlap and save in PyTorch: frames of four times the response."""
    import torch

    (batch, count), size = arrays["x"].shape, arrays["taps"].shape[0]
    frame = 2 ** (4 * size - 1).bit_length()
    hop = frame - size + 1
    frames = -(-count // hop)

    def run(x: Any, taps: Any) -> Any:
        line = torch.nn.functional.pad(x, (size - 1, frames * hop - count))
        spectra = torch.fft.rfft(line.unfold(1, frame, hop)) * torch.fft.rfft(taps, frame)
        return torch.fft.irfft(spectra, frame)[..., size - 1 :].reshape(batch, -1)[:, :count]

    return torch_side(run, arrays, weights, device)


def right(x: np.ndarray, taps: np.ndarray, weights: np.ndarray) -> Right:
    """SciPy's float64: the slopes are correlations with the weights."""
    x, taps, weights = x.astype(float), taps.astype(float), weights.astype(float)
    count = x.shape[1]
    value = scipy.signal.oaconvolve(x, taps[None], axes=1)[:, :count]
    by_x = scipy.signal.oaconvolve(weights[:, ::-1], taps[None], axes=1)[:, :count][:, ::-1]
    by_taps = scipy.signal.fftconvolve(weights, x[:, ::-1], axes=1)[:, count - 1 : count - 1 + taps.size].sum(0)
    return Right(value, {"x": by_x, "taps": by_taps})


class LongFIR(Kernel):
    """A response of one second."""

    name = "FIR of one second"
    asked = Asked(1e-6, 1.0, 1.0, 1e-5)
    sizes = (Size(10 * RATE, 8, RATE),)
    widths = (64, 1_024, 8_192, RATE)

    def problem(self, size: Size, place: Place) -> Problem:
        x, taps = noise(size), response(size.width)
        arrays, weights = {"x": x, "taps": taps}, weights_like(x)
        line = size.samples + size.width
        flops = size.batch * line * 2.5 * 2 * np.log2(2 * size.width)
        return Problem(
            jax_side(ours, arrays, weights, place.jax),
            {
                "scipy oaconvolve": Peer(lambda: Side(lambda: convolved(x, taps))),
                "torch FFT": Peer(lambda: fft_side(arrays, weights, place.torch)),
                "torch FFT in frames": Peer(lambda: fft_blocks_side(arrays, weights, place.torch)),
            },
            lambda: right(x, taps, weights),
            Work(2 * x.nbytes, flops),
            Work(3 * x.nbytes, 2.5 * flops),
        )


def convolved(x: np.ndarray, taps: np.ndarray) -> np.ndarray:
    return scipy.signal.oaconvolve(x, taps[None], axes=1)[:, : x.shape[1]]
