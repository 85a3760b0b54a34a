"""How the diffusion model's network is trained: by the error of its correction, in the unit of the error's own size."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ddspfx.generators.denoiser import SIGMAS, Denoiser
from ddspfx.generators.edm import scales
from ddspfx.types import RandomKey

LEVEL = (0.9, 0.9)
"""Mean and standard deviation of the logarithm of the noise in training, in units of the floor."""
AVERAGED = 0.999
"""Of the weights' running mean, what a step keeps, once there were enough."""


def noisy(
    denoiser: Denoiser, windows: Float[Array, "batch values"], key: RandomKey
) -> tuple[Float[Array, "batch values"], Float[Array, " batch"], Float[Array, "batch values"]]:
    """u, the noise levels, and what the network should answer: (y - D_0) / k, whose mean square is about one.

    The levels are log-normal, one in each of `batch` equal parts.
    """
    basis, power = denoiser.basis, denoiser.excess
    one, two = jax.random.split(key)
    batch = windows.shape[0]
    share = (jnp.arange(batch) + jax.random.uniform(one, (batch,))) / batch
    sigma = jnp.clip(jnp.exp(LEVEL[0] + LEVEL[1] * jax.scipy.special.ndtri(share)), *SIGMAS)
    clean, noise = basis.apply(basis.floor**-0.5, windows), jax.random.normal(two, windows.shape)
    made = scales(power, sigma[:, None])
    if basis.vectors is None:
        u = (clean + sigma[:, None] * noise) * made.into[:, :1]
        wanted = clean - made.skip[:, :1] * (clean + sigma[:, None] * noise)
    else:
        directions, noisy_ones = clean @ basis.vectors, noise @ basis.vectors
        seen = directions + sigma[:, None] * noisy_ones
        u, wanted = (made.into * seen) @ basis.vectors.T, (directions - made.skip * seen) @ basis.vectors.T
    return u, sigma, wanted / denoiser.share(sigma)[:, None]


def train(
    denoiser: Denoiser,
    batches: Callable[[np.random.Generator], Float[np.ndarray, "batch values"]],
    steps: int,
    seed: int = 0,
    rate: float = 2e-3,
    told: Callable[[int, float], None] | None = None,
) -> Denoiser:
    """The denoiser with its network trained on `steps` batches by Adam, the mean of the last weights taken."""
    import optax

    schedule = optax.warmup_cosine_decay_schedule(0.0, rate, min(100, steps // 10 + 1), steps, 0.01 * rate)
    optimiser = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(schedule))
    weights, rest = eqx.partition(denoiser.network, eqx.is_inexact_array)
    state, mean = optimiser.init(weights), weights

    def loss(weights: Any, windows: Array, key: RandomKey) -> Array:
        whole = eqx.tree_at(lambda d: d.network, denoiser, eqx.combine(weights, rest))
        u, sigma, wanted = noisy(whole, windows, key)
        off = whole.answer(u, sigma) - wanted
        return jnp.mean(off * whole.basis.apply(whole.weights, off))

    @jax.jit
    def step(weights: Any, mean: Any, state: Any, windows: Array, key: RandomKey, kept: Array) -> Any:
        value, slope = jax.value_and_grad(loss)(weights, windows, key)
        updates, state = optimiser.update(slope, state)
        weights = optax.apply_updates(weights, updates)
        return weights, jax.tree.map(lambda m, w: kept * m + (1 - kept) * w, mean, weights), state, value

    random, lately = np.random.default_rng([seed, 7]), []
    for number in range(steps):
        windows = jnp.asarray(batches(random), float)
        kept = jnp.asarray(min(AVERAGED, number / (number + 10)), windows.dtype)
        weights, mean, state, value = step(
            weights, mean, state, windows, jax.random.key(seed * 1_000_003 + number), kept
        )
        lately.append(value)
        if told is not None and (number + 1) % 100 == 0:
            told(number + 1, float(np.mean([float(v) for v in lately[-100:]])))
    found: Denoiser = eqx.tree_at(lambda d: d.network, denoiser, eqx.combine(mean, rest))
    return found


def crops(takes: Float[np.ndarray, "takes values"], length: int, batch: int) -> Callable[[np.random.Generator], Any]:
    """Windows from anywhere in the takes, as many as `batch`."""

    def some(random: np.random.Generator) -> Float[np.ndarray, "batch values"]:
        rows = random.integers(len(takes), size=batch)
        begins = random.integers(takes.shape[1] - length + 1, size=batch)
        return np.stack([takes[r, b : b + length] for r, b in zip(rows, begins, strict=True)])

    return some
