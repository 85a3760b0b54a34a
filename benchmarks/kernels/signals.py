"""The signals that go through the kernels, and the weights of the outputs whose slopes are taken."""

import numpy as np

from benchmarks.bench.case import Size

RATE = 44_100


def noise(size: Size, level: float = 0.3, seed: int = 0) -> np.ndarray:
    """White noise (batch, samples), float32."""
    random = np.random.default_rng(seed)
    return (level * random.standard_normal((size.batch, size.samples), np.float32)).astype(np.float32)


def weights_like(y: np.ndarray, seed: int = 1) -> np.ndarray:
    """What the outputs are weighed with to make a scalar of them."""
    random = np.random.default_rng(seed)
    return (random.standard_normal(y.shape, np.float32) / np.sqrt(y.size)).astype(np.float32)
