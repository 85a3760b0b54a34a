"""What the core can do, measured: copied bytes and multiplied numbers a second. No kernel can be faster than these."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.bench.timing import interleaved, seconds

COPIED = 2**25
"""Bytes of the copied array: more than a core's second-level cache, as the signals are that are measured."""
SIZE = 768
"""Rows of the multiplied matrices."""


class Work(NamedTuple):
    """What the mathematics cannot avoid: bytes read and written once, and additions and multiplications."""

    bytes: float
    operations: float


class Machine(NamedTuple):
    """Bytes copied (read and written) and float32 operations of a matrix product, each a second."""

    bandwidth: float
    rate: float

    def seconds(self, work: Work) -> float:
        """The least time for some work: the longer of the two, since they may go on at once."""
        return max(work.bytes / self.bandwidth, work.operations / self.rate)


def measure_machine() -> Machine:
    """The best of several runs, and the faster of NumPy's and XLA's matrix product."""
    source, target = np.ones(COPIED // 4, np.float32), np.empty(COPIED // 4, np.float32)
    matrix = np.random.default_rng(0).normal(size=(SIZE, SIZE)).astype(np.float32)
    product, on_device = jax.jit(jnp.matmul), jnp.asarray(matrix)
    works = {
        "copy": lambda: np.copyto(target, source),
        "numpy": lambda: matrix @ matrix,
        "xla": lambda: product(on_device, on_device).block_until_ready(),
    }
    best = {name: min(times) for name, times in interleaved(works, 1.0).items()}
    return Machine(2 * COPIED / best["copy"], 2 * SIZE**3 / min(best["numpy"], best["xla"]))


def empty_call() -> float:
    """Seconds of a jitted call that does nothing: what JAX itself costs."""
    call, x = jax.jit(lambda x: x + 1), jnp.zeros((1, 32))
    call(x).block_until_ready()
    return min(seconds(lambda: call(x).block_until_ready(), 1000) for _ in range(7))
