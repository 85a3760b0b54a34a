"""A one-dimensional U-Net for windows, told the noise level: convolutions as matrix products, no normalisation."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ddspfx.types import RandomKey

EMBEDDED = 32
"""Numbers that tell the network the noise level."""
KERNEL = 3


class Linear(eqx.Module):
    """y = x W + b along the last axis."""

    weight: Float[Array, "inputs outputs"]
    bias: Float[Array, " outputs"]

    def __init__(self, inputs: int, outputs: int, *, key: RandomKey, scale: float = 1.0):
        self.weight = scale / inputs**0.5 * jax.random.normal(key, (inputs, outputs))
        self.bias = jnp.zeros(outputs)

    def __call__(self, x: Float[Array, "... inputs"]) -> Float[Array, "... outputs"]:
        return x @ self.weight.astype(x.dtype) + self.bias.astype(x.dtype)


class Residual(eqx.Module):
    """h + V silu(W * h scaled and moved by the noise level): one convolution of three places and one of one."""

    first: Linear
    second: Linear
    level: Linear

    def __init__(self, width: int, *, key: RandomKey):
        one, two, three = jax.random.split(key, 3)
        self.first = Linear(KERNEL * width, 2 * width, key=one)
        self.second = Linear(2 * width, width, key=two, scale=0.1)
        self.level = Linear(EMBEDDED, 4 * width, key=three, scale=0.1)

    def __call__(
        self, h: Float[Array, "batch places width"], told: Float[Array, "batch embedded"]
    ) -> Float[Array, "batch places width"]:
        scale, shift = jnp.split(self.level(told)[:, None], 2, axis=-1)
        return h + self.second(jax.nn.silu(self.first(neighbours(h)) * (1 + scale) + shift))


class UNet(eqx.Module):
    """Windows of `channels` in, one out, of the same length, through `widths` scales, each half as fine.

    Beside the convolutions every channel goes straight out with a gain that the noise level and the facts decide.

    `patch` values make one place of the finest scale; `facts` numbers about the whole window go to every place. The
    length must be a multiple of patch 2^(scales - 1).
    """

    embed: tuple[Linear, Linear]
    into: Linear
    down: tuple[Residual, ...]
    halve: tuple[Linear, ...]
    up: tuple[Residual, ...]
    double: tuple[Linear, ...]
    out: Linear
    gate: Linear
    patch: int = eqx.field(static=True)

    def __init__(self, channels: int, widths: tuple[int, ...], patch: int = 1, facts: int = 0, *, key: RandomKey):
        keys = iter(jax.random.split(key, 4 * len(widths) + 5))
        steps = list(itertools.pairwise(widths))
        self.patch = patch
        self.embed = (Linear(EMBEDDED + facts, EMBEDDED, key=next(keys)), Linear(EMBEDDED, EMBEDDED, key=next(keys)))
        self.into = Linear(patch * channels, widths[0], key=next(keys))
        self.down = tuple(Residual(width, key=next(keys)) for width in widths)
        self.halve = tuple(Linear(2 * fine, coarse, key=next(keys)) for fine, coarse in steps)
        self.up = tuple(Residual(width, key=next(keys)) for width in widths[:-1])
        self.double = tuple(Linear(coarse, 2 * fine, key=next(keys)) for fine, coarse in steps)
        # An output of zero is the best linear answer already: see `Diffusion`.
        self.out = Linear(widths[0], patch, key=next(keys), scale=0.0)
        self.gate = Linear(EMBEDDED, channels, key=next(keys), scale=0.0)

    def __call__(
        self,
        x: Float[Array, "batch channels values"],
        level: Float[Array, " batch"],
        facts: Float[Array, "batch facts"],
    ) -> Float[Array, "batch values"]:
        batch, channels, values = x.shape
        told = jnp.concatenate([waves(level), facts], axis=1)
        told = jax.nn.silu(self.embed[1](jax.nn.silu(self.embed[0](told))))
        h = self.into(
            x.reshape(batch, channels, -1, self.patch).swapaxes(1, 2).reshape(batch, -1, channels * self.patch)
        )
        kept = []
        for place, block in enumerate(self.down):
            h = block(h, told)
            if place < len(self.halve):
                kept.append(h)
                h = self.halve[place](h.reshape(batch, h.shape[1] // 2, -1))
        for place in reversed(range(len(self.up))):
            finer = self.double[place](h).reshape(batch, 2 * h.shape[1], -1)
            h = self.up[place](finer + kept[place], told)
        gated = jnp.einsum("bc,bcv->bv", self.gate(told), x)
        return self.out(h).reshape(batch, values) + gated


def neighbours(h: Float[Array, "batch places width"]) -> Float[Array, "batch places three_widths"]:
    """Each place beside the one before and the one after, zeros beyond the ends."""
    padded = jnp.pad(h, ((0, 0), (1, 1), (0, 0)))
    return jnp.concatenate([padded[:, :-2], h, padded[:, 2:]], axis=-1)


def waves(level: Float[Array, " batch"]) -> Float[Array, "batch embedded"]:
    """Sines and cosines of the level, from 1/2 to 8 radians a unit."""
    rates = jnp.asarray(2.0 ** jnp.linspace(-1, 3, EMBEDDED // 2), level.dtype)
    angle = level[:, None] * rates
    return jnp.concatenate([jnp.sin(angle), jnp.cos(angle)], axis=-1)


def parameters(tree: eqx.Module) -> int:
    """How many numbers a network has."""
    return sum(leaf.size for leaf in jax.tree.leaves(eqx.filter(tree, eqx.is_array)))
