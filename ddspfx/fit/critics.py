"""Critics that hear short-time spectra at several scales, and the hinge loss by which they and a model learn."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ddspfx.signal.spectra import frames, hann, power
from ddspfx.types import Audio, RandomKey, Scalar

SIZES = (512, 1024, 2048)
"""Transforms in samples, Mikkonen, Wright, Moliner and Välimäki (2023)."""
QUIET = 1e-5
"""Power below which a bin tells nothing, with the recordings at unit RMS: -50 dB a bin."""
SLOPE = 0.2
"""Of the leaky rectifier."""

Maps = Float[Array, "channels frames bins"]


class Critic(eqx.Module):
    """One scale: log-power and the compressed spectrum, X |X|^-0.7, through five convolutions over frames and bins.

    The middle ones halve the bins and look 1, 2 and 4 frames apart. Source: Défossez, Copet, Synnaeve and Adi (2022),
    "High fidelity neural audio compression", the multi-scale STFT discriminator, here with fewer channels.
    """

    layers: tuple[eqx.nn.Conv2d, ...]
    size: int = eqx.field(static=True)

    def __init__(self, size: int, width: int = 8, *, key: RandomKey):
        keys = jax.random.split(key, 5)
        middle = (
            eqx.nn.Conv2d(width, width, (3, 9), (1, 2), ((d, d), (4, 4)), (d, 1), key=k)
            for d, k in zip((1, 2, 4), keys[1:4], strict=True)
        )
        first = eqx.nn.Conv2d(3, width, (3, 9), (1, 2), ((1, 1), (4, 4)), key=keys[0])
        last = eqx.nn.Conv2d(width, 1, (3, 3), padding=1, key=keys[4])
        self.layers, self.size = (first, *middle, last), size

    def __call__(self, x: Audio) -> tuple[Maps, list[Maps]]:
        """A score for every frame and bin of x (1, samples), high for wet, and the activations on the way."""
        window = jnp.asarray(hann(self.size), x.dtype)
        X = jnp.fft.rfft(frames(x, self.size, self.size // 4) * window)[0] * (8 / 3 / self.size) ** 0.5
        size = power(X) + QUIET
        shrunk = size**-0.35
        maps = jnp.stack([0.25 * jnp.log(size), X.real * shrunk, X.imag * shrunk])
        heard = []
        for layer in self.layers[:-1]:
            maps = jax.nn.leaky_relu(layer(maps), SLOPE)
            heard.append(maps)
        return self.layers[-1](maps), heard


def critics(key: RandomKey, sizes: Sequence[int] = SIZES, width: int = 8) -> tuple[Critic, ...]:
    """One critic a scale."""
    keys = jax.random.split(key, len(sizes))
    return tuple(Critic(size, width, key=k) for size, k in zip(sizes, keys, strict=True))


def hinge(
    judges: tuple[Critic, ...], wet: Float[Array, "batch samples"], made: Float[Array, "batch samples"]
) -> Scalar:
    """What the critics lose: mean max(0, 1 - D(wet)) + mean max(0, 1 + D(made)), summed over the scales.

    Source: Lim and Ye (2017), "Geometric GAN"; for audio effects Wright, Välimäki and Juvela (2023), ICASSP.
    """
    total = jnp.zeros(())
    for judge in judges:
        real, fake = (jax.vmap(lambda x, judge=judge: judge(x[None])[0])(each) for each in (wet, made))
        total += jnp.mean(jax.nn.relu(1 - real)) + jnp.mean(jax.nn.relu(1 + fake))
    return total


def persuasion(
    judges: tuple[Critic, ...], wet: Float[Array, "batch samples"], made: Float[Array, "batch samples"]
) -> tuple[Scalar, Scalar]:
    """What a model loses: -mean D(made), and how far the mean activations of made are from those of wet.

    Recordings are not paired, so activations are compared as averages over takes and frames, a channel and bin each.
    Source: Salimans et al. (2016), "Improved techniques for training GANs", feature matching.
    """
    against, apart = jnp.zeros(()), jnp.zeros(())
    for judge in judges:

        def hear(x: Any, judge: Critic = judge) -> tuple[Maps, list[Maps]]:
            return judge(x[None])

        scores, own = jax.vmap(hear)(made)
        _, theirs = jax.vmap(hear)(wet)
        against -= jnp.mean(scores)
        gaps = [jnp.mean(jnp.abs(jnp.mean(a - b, axis=(0, 2)))) for a, b in zip(own, theirs, strict=True)]
        apart += sum(gaps, jnp.zeros(())) / len(gaps)
    return against, apart
