"""Diffusion with a preconditioning of its own for each direction of the data, and Heun's steps between.

Karras, Aittala, Aila, Laine (2022), "Elucidating the design space of diffusion-based generative models": y = x + s n,
D(y; s) = c_skip y + c_out F(c_in y), with one deviation of the data in all directions. Data with a spectrum of 80 dB
have none: here every direction has its own, mu_i = sigma_data,i^2, so that F = 0 is already the best linear denoiser
and F need learn only what is not Gaussian. Along the flow dx/ds = (x - D)/s, the direction u_i = x_i / sqrt(mu_i + s^2)
turns with the angle a_i = arctan(s / sqrt(mu_i)): du_i / da_i = -F_i. Gaussian data stand still, F = 0, so any number
of steps has their spectrum exactly. Source of the angle: Lu, Song (2024), "Simplifying, stabilizing and scaling
continuous-time consistency models", section 3.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

RHO = 7.0
"""Karras et al., equation 5."""


class Scales(NamedTuple):
    """c_skip, c_out and c_in of Karras et al. (table 1), for each direction."""

    skip: Any
    out: Any
    into: Any


def scales(power: Any, sigma: Any) -> Scales:
    """c_skip = mu / (mu + s^2), c_out = s sqrt(mu) / sqrt(mu + s^2), c_in = 1 / sqrt(mu + s^2); mu is `power`."""
    total = power + sigma**2
    return Scales(power / total, sigma * (power / total) ** 0.5, total**-0.5)


def levels(steps: int, least: float, most: float) -> Float[np.ndarray, " steps_1"]:
    """Noise levels from `most` to `least` and then 0, s_i = (most^(1/7) + i/(n-1) (least^(1/7) - most^(1/7)))^7."""
    if steps < 2:
        raise ValueError(f"steps is {steps}, but must be at least 2")
    share = np.linspace(0, 1, steps)
    inner = (most ** (1 / RHO) + share * (least ** (1 / RHO) - most ** (1 / RHO))) ** RHO
    return np.append(inner, 0.0)


def heun(
    network: Callable[[Array, Array], Array],
    apply: Callable[[Array, Array], Array],
    power: Float[Array, " directions"],
    sigmas: Float[np.ndarray, " steps_1"],
    u: Float[Array, "batch values"],
) -> Float[Array, "batch values"]:
    """Turns unit white noise u at the first level into u at the last, a step a level: two calls of F, one in the last.

    `network(u, s)` is F; `apply(d, x)` multiplies the directions of x by d. Karras et al., algorithm 1, in angles.
    """
    ends = jnp.asarray(np.stack([sigmas[:-1], sigmas[1:]], axis=1), u.dtype)

    def turned(between: Float[Array, "2"]) -> Float[Array, " directions"]:
        return jnp.arctan(between[1] / power**0.5) - jnp.arctan(between[0] / power**0.5)

    def step(u: Array, between: Float[Array, "2"]) -> tuple[Array, None]:
        angle = turned(between)
        slope = network(u, between[0])
        ahead = u - apply(angle, slope)
        return u - apply(angle, 0.5 * (slope + network(ahead, between[1]))), None

    u, _ = jax.lax.scan(step, u, ends[:-1])
    return u - apply(turned(ends[-1]), network(u, ends[-1][0]))
