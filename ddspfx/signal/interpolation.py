"""Interpolation kernels as polynomials: every tap is a polynomial in the fraction of a sample.

A kernel is a matrix (taps, powers). With u the fraction (0 to 1) and k = -(taps / 2 - 1) ... taps / 2,

    x(n - u) = sum_k h_k(u) x[n - k],    h_k(u) = sum_p kernel[k, p] (u - 1/2)^p.

Lagrange's taps are such polynomials; those of a windowed sinc are one to within float64's reach. One matrix
product makes the taps of any order, and their slope by u comes with it.
"""

from functools import lru_cache

import numpy as np
from jaxtyping import Float

Kernel = Float[np.ndarray, "taps powers"]

NAMES = ("linear", "lagrange3", "lagrange5", "lagrange7", "sinc")
SINC_TAPS, SINC_BETA, SINC_POWERS = 32, 10.0, 12


@lru_cache
def kernel(name: str) -> Kernel:
    """The kernel called linear, lagrange3, lagrange5, lagrange7 or sinc (32 taps, Kaiser's window).

    Raises ValueError for another name.
    """
    if name not in NAMES:
        raise ValueError(f"interpolation is {name!r}, but must be one of {', '.join(NAMES)}")
    if name == "sinc":
        return sinc_kernel(SINC_TAPS, SINC_BETA, SINC_POWERS)
    return lagrange_kernel(1 if name == "linear" else int(name.removeprefix("lagrange")))


def lagrange_kernel(order: int) -> Kernel:
    """h_k(u) = prod_{m != k} (u - m) / (k - m) in powers of u - 1/2, for an odd order.

    Source: Laakso, Välimäki, Karjalainen, Laine (1996), "Splitting the unit delay".
    """
    places = np.arange(order + 1) - (order - 1) // 2
    rows = []
    for k in places:
        others = places[places != k]
        rows.append(np.poly(others - 0.5)[::-1] / np.prod(k - others))
    return np.array(rows)


@lru_cache
def sinc_kernel(taps: int, beta: float, powers: int) -> Kernel:
    """h_k(u) = sinc(k - u) w(k - u), w Kaiser's window of `taps` samples, each tap as a polynomial.

    The polynomial meets the tap at Chebyshev's points. Source: Smith (2002), "Digital audio resampling
    home page", for the windowed sinc; the polynomials are ours.
    """
    nodes = np.cos(np.pi * (np.arange(powers) + 0.5) / powers)
    distance = np.arange(taps)[:, None] - (taps // 2 - 1) - (nodes + 1) / 2
    window = np.i0(beta * np.sqrt(np.maximum(1 - (2 * distance / taps) ** 2, 0.0))) / np.i0(beta)
    series = np.polynomial.chebyshev.chebfit(nodes, (np.sinc(distance) * window).T, powers - 1)
    monomials = np.array([np.polynomial.chebyshev.cheb2poly(column) for column in series.T])
    return np.asarray(monomials * 2.0 ** np.arange(powers))
