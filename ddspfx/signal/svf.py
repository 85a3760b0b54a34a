"""The state-variable filter by trapezoidal integration: any second-order filter, in a form float32 can hold."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

from ddspfx.signal.recurrence import StateSpace, invariant, varying
from ddspfx.types import Audio, Readable


class Section(NamedTuple):
    """H(s) = (high s² + band s + low) / (s² + damping s + 1), where s is the bilinear map over `g`.

    s = (1/g) (1 - z⁻¹) / (1 + z⁻¹), g = tan(π f / fs). Each coefficient is a number, one a channel (channels, 1),
    or a signal (channels or 1, samples).
    """

    g: Readable
    damping: Readable
    high: Readable
    band: Readable
    low: Readable


def state_space(section: Section) -> StateSpace:
    """E, B, C, D of a section, for the two integrator states.

    Written so that nothing nearly equal is subtracted. Source: Simper (2013), "Solving the continuous SVF
    equations using trapezoidal integration", p. 6; Zavalishin (2018), "The art of VA filter design", ch. 4.
    """
    g, k, high, band, low = jnp.broadcast_arrays(*section)
    a = 1 / (1 + g * (g + k))
    E = jnp.stack([jnp.stack([-2 * g * (g + k), -2 * g], -1), jnp.stack([2 * g, -2 * g * g], -1)], -2)
    B = jnp.stack([2 * g, 2 * g * g], -1)
    C = jnp.stack([band - high * (g + k) + low * g, (low - high) + g * (low * k - band)], -1)
    D = high + band * g + low * g * g
    return StateSpace(a[..., None, None] * E, a[..., None] * B, a[..., None] * C, a * D)


def svf(x: Audio, section: Section, state: Float[Array, "channels 2"]) -> tuple[Audio, Float[Array, "channels 2"]]:
    """Filters `x` by a section; y and the integrators after the last sample.

    Numbers take the block kernel, and a section with a signal in it the sample-by-sample one, which stays
    stable however fast the coefficients move: the trapezoidal integrators' energy never grows by itself.
    """
    moves = max((c.shape[-1] for c in section if c.ndim == 2), default=1) > 1
    system = state_space(section)
    if moves:
        return varying(x, system, state)
    if system.D.ndim == 2:
        if system.D.shape[0] not in (1, x.shape[0]):
            raise ValueError(f"a filter has {system.D.shape[0]} values in a slot, but must have 1 or {x.shape[0]}")
        wide = system.D.shape[0] > 1
        system = StateSpace(*(leaf[:, 0] if wide else leaf[0, 0] for leaf in system))
    return invariant(x, system, state)


def section_response(section: Section, turns: Float[Array, " frequencies"]) -> Complex[Array, "... frequencies"]:
    """H at frequencies given as f / fs, finite at 0 and at 0.5."""
    g, k, high, band, low = section
    c, s = g * jnp.cos(jnp.pi * turns), jnp.sin(jnp.pi * turns)
    return (low * c * c - high * s * s + 1j * band * c * s) / (c * c - s * s + 1j * k * c * s)


__all__ = ["Section", "section_response", "state_space", "svf"]
