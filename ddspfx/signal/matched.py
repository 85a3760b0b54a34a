"""Analogue time constants as second-order sections whose magnitude follows the analogue one up to 20 kHz."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array

from ddspfx.signal.svf import Section
from ddspfx.types import Readable

TOP, BOTTOM = (4.0, -3.36259548), (-1.1958587, 0.26747455)
"""w² = (4 v - 3.3626 v²) / (1 - 1.1959 v + 0.2675 v²), v = sin²(w / 2): within 0.016 dB up to w = 2 pi 20 / 44.1.

A minimax fit of our own (iteratively weighted least squares, float64), exact at DC.
"""


class Pair(NamedTuple):
    """1 + (2 pi f tau)² as (1 + u1 v)(1 + u2 v) over a denominator that all time constants share: sqrt(1 + u)."""

    sum: Array
    product: Array


def pair(time_constant: Readable, sample_rate: int) -> Pair:
    """Sum and product of the two factors' gains at half the sample rate for a time constant in seconds.

    The quadratic 1 + A v + B v² has two real roots for every time constant, one of them at v > 1, which is a zero
    between -1 and 0 in z: all roots are inside the circle, so that a curve and its inverse are both stable.
    """
    squared = (jnp.asarray(time_constant) * sample_rate) ** 2
    A, B = BOTTOM[0] + TOP[0] * squared, BOTTOM[1] + TOP[1] * squared
    root = jnp.sqrt(A * A - 4 * B)
    # The root without cancellation first, the other one from the product.
    far = jnp.where(A > 0, A + root, A - root) / 2
    one, two = jnp.sqrt(1 + far), jnp.sqrt(1 + B / far)
    return Pair(one + two, one * two)


def shelf(zero: Readable, pole: Readable, sample_rate: int) -> Section:
    """(1 + s zero) / (1 + s pole), time constants in seconds: exact at DC, within 0.02 dB up to 20 kHz.

    Half the sample rate is where the analogue curve cannot be followed: a first-order section made by the bilinear
    transform is dBs off there. Here the squared magnitude is rational in v = sin²(pi f / fs), and each factor of
    it is taken back to its minimum-phase root: 1 + u v belongs to 1 + sqrt(1 + u) b, b the bilinear variable.
    """
    top, bottom = pair(zero, sample_rate), pair(pole, sample_rate)
    g = 1 / jnp.sqrt(bottom.product)
    one = jnp.ones_like(g * top.sum)
    return Section(g * one, bottom.sum * g * one, top.product * g * g, top.sum * g, one)


__all__ = ["shelf"]
