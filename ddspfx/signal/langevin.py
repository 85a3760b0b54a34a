"""Langevin's curve, the magnetisation of free moments in a field, without exponentials."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ddspfx.types import Readable


@functools.cache
def _fraction(depth: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """P and Q, highest power first: 1 / (3 + z / (5 + z / (7 + ...))) = P(z) / Q(z), cut at 2 depth + 1."""
    top, bottom = np.poly1d([1.0]), np.poly1d([2.0 * depth + 1])
    for odd in range(2 * depth - 1, 2, -2):
        top, bottom = bottom, odd * bottom + np.poly1d([1.0, 0.0]) * top
    top, bottom = top / bottom[0], bottom / bottom[0]
    return tuple(map(float, top.coeffs)), tuple(map(float, bottom.coeffs))


def _horner(coefficients: tuple[float, ...], z: Array) -> Array:
    total = jnp.full_like(z, coefficients[0])
    for coefficient in coefficients[1:]:
        total = total * z + coefficient
    return total


def _derivative(coefficients: tuple[float, ...]) -> tuple[float, ...]:
    return tuple((len(coefficients) - 1 - place) * value for place, value in enumerate(coefficients[:-1]))


def bent_langevin(x: Array) -> tuple[Array, Array, Array]:
    """L, L' and L'' for slopes by hand: from r(x) = L / x and r'(x), L' = 1 - L^2 - 2 r and L'' = -2 (L L' + r')."""
    edge, depth = (20.0, 26) if x.dtype == jnp.float64 else (9.0, 12)
    size = jnp.abs(x)
    far = size > edge
    near = jnp.where(far, 1.0, x * x)
    away = jnp.where(far, size, edge)
    top, bottom = _fraction(depth)
    inverse = 1.0 / jnp.where(far, away * away, _horner(bottom, near))
    ratio = inverse * jnp.where(far, away - 1.0, _horner(top, near))
    rise = _horner(_derivative(top), near) - ratio * _horner(_derivative(bottom), near)
    by_x = inverse * jnp.where(far, jnp.sign(x) * (2.0 * away * inverse - 1.0), 2.0 * x * rise)
    value = x * ratio
    slope = 1.0 - value * value - 2.0 * ratio
    return value, slope, -2.0 * (value * slope + by_x)


@jax.custom_jvp
def langevin(x: Readable) -> tuple[Readable, Readable]:
    """L(x) = coth x - 1/x and its slope L'(x) = 1 - L^2 - 2 L / x, exact and smooth through zero.

    Below |x| = 9 (20 in float64) by Lambert's continued fraction x / (3 + x^2 / (5 + x^2 / (7 + ...))),
    above it coth x = sign x to the last digit; so there is one division, no exponential, nothing singular.
    """
    value, slope, _ = bent_langevin(x)
    return value, slope


@langevin.defjvp
def _langevin_jvp(primal: tuple[Readable], tangent: tuple[Readable]) -> tuple[Any, Any]:
    value, slope, bend = bent_langevin(*primal)
    return (value, slope), (slope * tangent[0], bend * tangent[0])
