"""What an AC bias makes of hysteresis: the anhysteretic curve, averaged over the bias."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ddspfx.signal.jiles_atherton import Magnetics
from ddspfx.signal.langevin import langevin
from ddspfx.types import Audio, Readable

NODES = 4
"""Of Gauss-Chebyshev quadrature: exact to 0.1 dB in the third harmonic up to an amplitude of 2 a."""


def biased(H: Audio, parameters: Magnetics, amplitude: Readable) -> Audio:
    """M = Ms mean_j L((H + A cos(pi (2 j + 1) / 8)) / a'), the mean magnetisation under an effective bias A, all in A/m.

    A bias of B > 0.7 k takes the memory off the loop once a period, so that a slow H finds a curve: Langevin's,
    averaged over the bias' own distribution in time. The loop's lag eats part of B: A is 0.75 to 0.85 B at 0.8 to 2
    coercivities. The coupling acts on the slope alone, a' = a - alpha Ms / 3, which is its first order.
    Against the Jiles-Atherton loop itself the third harmonic is within 0.2 dB for B up to 1.2 k with k = 1.2 a, and
    2 dB at 2 k. Reversibility and coercivity do not enter.
    """
    Ms, a, _, share, _ = parameters
    nodes = np.cos(np.pi * (2 * np.arange(NODES) + 1) / (2 * NODES))
    width = a * (1.0 - jnp.asarray(share, H.dtype))
    curves: list[Array] = [langevin((H + float(node) * amplitude) / width)[0] for node in nodes]
    mean: Audio = sum(curves[1:], curves[0]) * (Ms / NODES)
    return mean
