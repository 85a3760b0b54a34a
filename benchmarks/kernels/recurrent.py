"""GRU and LSTM beside PyTorch's: a piece of sound with its gradient, and block by block as it is played."""

from collections.abc import Iterator
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.bench.case import Asked, Bench, Kernel, Peer, Place, Problem, Row, Size
from benchmarks.bench.limit import Work
from benchmarks.bench.sides import Arrays, Right, Side, float32, jax_side, to_numpy, torch_right, torch_side
from benchmarks.kernels.signals import noise, weights_like
from ddspfx.signal.rnn import CELLS, GATES, Weights, fold, recur

BLOCK, BLOCKS = 128, 40


def network(cell: str, hidden: int) -> Arrays:
    """Weights as PyTorch has them, one input."""
    random, rows = np.random.default_rng(hidden), GATES[cell] * hidden
    shapes = {"weight_ih": (rows, 1), "weight_hh": (rows, hidden), "bias_ih": (rows,), "bias_hh": (rows,)}
    return float32({name: random.uniform(-1, 1, shape) / np.sqrt(hidden) for name, shape in shapes.items()})


def ours(
    cell: str, x: jax.Array, start: tuple[jax.Array, ...], weight_ih: Any, weight_hh: Any, bias_ih: Any, bias_hh: Any
) -> tuple[jax.Array, tuple[jax.Array, ...]]:
    """Every h, (samples, batch, hidden), and the last states; x is (samples, batch)."""
    split = 2 * weight_hh.shape[1] if cell == "gru" else len(bias_ih)
    bias = jnp.concatenate([bias_ih[:split] + bias_hh[:split], bias_ih[split:], bias_hh[split:]])
    return recur(cell, x[..., None], fold(cell, Weights(weight_ih.T, weight_hh.T, bias)), start)


def silence(cell: str, size: Size) -> tuple[jax.Array, ...]:
    return (jnp.zeros((size.batch, size.width)),) * CELLS[cell]


def torch_function(cell: str) -> Any:
    """PyTorch's own kernel with the weights as arguments; what nn.GRU and nn.LSTM call."""
    import torch

    def run(x: Any, weight_ih: Any, weight_hh: Any, bias_ih: Any, bias_hh: Any) -> Any:
        weights = (weight_ih, weight_hh, bias_ih, bias_hh)
        state = x.new_zeros((1, x.shape[1], weight_hh.shape[1]))
        start = state if cell == "gru" else (state, state)
        return getattr(torch, cell)(x[..., None], start, weights, True, 1, 0.0, False, False, False)[0]

    return run


def work(cell: str, size: Size, ways: int) -> Work:
    """The products by the states, the input's share, and a few operations a gate; x in, every h out."""
    gates, count = GATES[cell] * size.width, size.samples * size.batch
    return Work(4.0 * ways * count * (1 + size.width), 2.0 * (2 * ways - 1) * count * gates * (size.width + 3))


class Recurrent(Kernel):
    """A piece of 2048 samples, as in truncated backpropagation."""

    cell: ClassVar[str]
    asked = Asked(1e-5, 1.0, 1.0, 1e-4)
    sizes = tuple(Size(2048, 8, hidden) for hidden in (16, 32, 64))
    widths = (8, 16, 32, 64, 128)

    def label(self, size: Size) -> str:
        return f"{self.name} {size.width}"

    def problem(self, size: Size, place: Place) -> Problem:
        cell = self.cell
        x = np.ascontiguousarray(noise(size, 1.0).T)
        arrays = {"x": x, **network(cell, size.width)}
        weights = weights_like(np.empty((*x.shape, size.width)))
        start = jax.device_put(silence(cell, size), place.jax)

        def function(x: jax.Array, **given: jax.Array) -> jax.Array:
            return ours(cell, x, start, **given)[0]

        return Problem(
            jax_side(function, arrays, weights, place.jax),
            {"torch": Peer(lambda: torch_side(torch_function(cell), arrays, weights, place.torch))},
            lambda: torch_right(torch_function(cell), arrays, weights),
            work(cell, size, 1),
            work(cell, size, 2),
        )


class GRU(Recurrent):
    """Three gates."""

    name, cell = "GRU", "gru"


class LSTM(Recurrent):
    """Four gates."""

    name, cell = "LSTM", "lstm"


class Streamed(Kernel):
    """One signal in blocks of 128, the state handed on; seconds are those of a block."""

    cell: ClassVar[str]
    asked = Asked(1e-6, 2.0)
    grows = False
    sizes = tuple(Size(BLOCK, 1, hidden) for hidden in (16, 32, 64))

    def label(self, size: Size) -> str:
        return f"{self.name} {size.width}"

    def problem(self, size: Size, place: Place) -> Problem:
        cell, weights = self.cell, network(self.cell, size.width)
        x = noise(Size(BLOCKS * size.samples, 1), 1.0).T
        return Problem(
            blocks_of_jax(cell, x, weights, size, place.jax),
            {"torch": Peer(lambda: blocks_of_torch(cell, x, weights, size, place.torch))},
            lambda: Right(whole(cell, x, weights, size), {}),
            work(cell, size._replace(samples=len(x)), 1),
            work(cell, size, 2),
        )

    def rows(self, bench: Bench) -> Iterator[Row]:
        for row in super().rows(bench):
            row["forward_seconds"] = {
                name: {key: value / BLOCKS for key, value in times.items()}
                for name, times in row["forward_seconds"].items()
            }
            yield row


def whole(cell: str, x: np.ndarray, weights: Arrays, size: Size) -> np.ndarray:
    """The whole in one call, in float32: what the blocks must add up to."""
    given = {name: jnp.asarray(value) for name, value in weights.items()}
    return to_numpy(jax.jit(lambda x: ours(cell, x, silence(cell, size), **given)[0])(jnp.asarray(x)))


def blocks_of_jax(cell: str, x: np.ndarray, weights: Arrays, size: Size, device: Any) -> Side:
    """One jitted call a block, the weights closed over."""
    given = {name: jax.device_put(jnp.asarray(value), device) for name, value in weights.items()}
    blocks = [jax.device_put(jnp.asarray(block), device) for block in np.split(x, BLOCKS)]
    start = jax.device_put(silence(cell, size), device)
    step = jax.jit(lambda x, state: ours(cell, x, state, **given))

    def play() -> jax.Array:
        state, pieces = start, []
        for block in blocks:
            y, state = step(block, state)
            pieces.append(jax.block_until_ready(y))
        return pieces

    return Side(lambda: Pieces(play()))


class Pieces(list[Any]):
    """Blocks that become one array when somebody looks at them."""

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.concatenate([to_numpy(piece) for piece in self]).astype(dtype or float)


def blocks_of_torch(cell: str, x: np.ndarray, weights: Arrays, size: Size, device: str) -> Side:
    """One call of nn.GRU or nn.LSTM a block, in inference mode."""
    import torch

    module = getattr(torch.nn, cell.upper())(1, size.width).to(device)
    with torch.no_grad():
        for name, value in weights.items():
            getattr(module, f"{name}_l0").copy_(torch.as_tensor(value))
    blocks = [torch.as_tensor(np.array(block)[..., None], device=device) for block in np.split(x, BLOCKS)]

    def play() -> Pieces:
        state, pieces = None, Pieces()
        with torch.inference_mode():
            for block in blocks:
                y, state = module(block, state)
                pieces.append(y)
        return pieces

    return Side(play)


class StreamedGRU(Streamed):
    """Three gates."""

    name, cell = "GRU streamed", "gru"


class StreamedLSTM(Streamed):
    """Four gates."""

    name, cell = "LSTM streamed", "lstm"
