"""The state-variable filter by trapezoidal integration: any second-order filter, in a form float32 can hold."""

import functools
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

from ddspfx.signal.native.library import choose
from ddspfx.signal.native.rows import as_row, folded, run
from ddspfx.signal.recurrence import BLOCK, StateSpace, invariant, varying
from ddspfx.signal.sections import walk_sections
from ddspfx.types import Audio, Readable

CHUNK = 256
"""Samples after which the native kernel keeps the integrators for its backward pass; as in `native/march.h`."""
Saved: TypeAlias = tuple[tuple[Array, ...], Array]
GROUP = 6
"""Sections that run as one system: 12 of them on 5 s of stereo take 3 ms so, and 20 ms one by one (two CPU cores)."""
_LONG = 4 * BLOCK
"""Samples a block for several sections at once, the fastest for six."""
_ALONE = 2**13
"""Samples of a single channel beyond which blocks are faster than one lane of the native kernel."""


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
    equations using trapezoidal integration and equivalent currents"; Zavalishin (2018), "The art of VA
    filter design", ch. 4.
    """
    g, k, high, band, low = jnp.broadcast_arrays(*section)
    a = 1 / (1 + g * (g + k))
    E = jnp.stack([jnp.stack([-2 * g * (g + k), -2 * g], -1), jnp.stack([2 * g, -2 * g * g], -1)], -2)
    B = jnp.stack([2 * g, 2 * g * g], -1)
    C = jnp.stack([band - high * (g + k) + low * g, (low - high) + g * (low * k - band)], -1)
    D = high + band * g + low * g * g
    return StateSpace(a[..., None, None] * E, a[..., None] * B, a[..., None] * C, a * D)


def moves(section: Section) -> bool:
    """Whether a section has a signal in it, by its shapes."""
    return max((c.shape[-1] for c in section if c.ndim == 2), default=1) > 1


def svf(x: Audio, section: Section, state: Float[Array, "channels 2"]) -> tuple[Audio, Float[Array, "channels 2"]]:
    """Filters `x` by a section; y and the integrators after the last sample.

    Numbers run natively sample by sample, or in blocks. A section with a signal in it goes sample by sample and
    stays stable however fast the coefficients move: the trapezoidal integrators' energy never grows by itself.
    """
    if moves(section):
        dtype = jnp.result_type(x, *section)
        rows = [as_row(jnp.asarray(value, dtype)) for value in (x, *section)]
        y, end = choose(_moving, _moving_plain, jnp.asarray(state, dtype), *rows)
        return y, end
    return _still(x, (section,), state)


def _moving_plain(state: Array, x: Array, *coefficients: Array) -> tuple[Array, Array]:
    return varying(x, state_space(Section(*coefficients)), state)


@jax.custom_vjp
def _moving(state: Array, *rows: Array) -> tuple[Array, Array]:
    y, end = run("section", state, rows, (rows[0].shape[1],))
    return y, end


def _moving_forward(state: Array, *rows: Array) -> tuple[tuple[Array, Array], Saved]:
    count = rows[0].shape[1]
    y, starts, end = run("section_kept", state, rows, (count, 2 * -(-count // CHUNK)))
    return (y, end), (rows, starts)


def _moving_back(saved: Saved, slopes: tuple[Array, Array]) -> tuple[Array, ...]:
    rows, starts = saved
    *made, start = run("section_back", slopes[1], (slopes[0], *rows, starts), [row.shape[1] for row in rows])
    return start, *(folded(slope, row) for slope, row in zip(made, rows, strict=True))


_moving.defvjp(_moving_forward, _moving_back)


def cascade(
    x: Audio, sections: tuple[Section, ...], state: Float[Array, "channels sections 2"]
) -> tuple[Audio, Float[Array, "channels sections 2"]]:
    """Filters `x` by sections in a row; up to six neighbours made of numbers run as one system."""
    channels, start, after = x.shape[0], 0, []
    for group in _groups(sections):
        before = state[:, start : start + len(group)]
        if len(group) == 1:
            x, new = svf(x, group[0], before[:, 0])
        else:
            x, new = _still(x, group, before.reshape(channels, -1))
        after.append(new.reshape(before.shape))
        start += len(group)
    return x, jnp.concatenate(after, axis=1)


def _groups(sections: tuple[Section, ...]) -> list[tuple[Section, ...]]:
    groups: list[tuple[Section, ...]] = []
    for section in sections:
        joins = groups and len(groups[-1]) < GROUP and not moves(section) and not moves(groups[-1][-1])
        if joins:
            groups[-1] += (section,)
        else:
            groups.append((section,))
    return groups


def _still(x: Audio, sections: tuple[Section, ...], state: Array) -> tuple[Audio, Array]:
    """Sections of numbers in a row: sample by sample in the native kernel, or as one system in blocks."""
    stacked = _stacked(sections, x.shape[0])
    dtype = jnp.result_type(x, *stacked)
    given = [jnp.asarray(value, dtype) for value in (state, x, *stacked)]
    lonely = x.shape[0] == 1 and x.shape[1] > _ALONE
    y, end = _in_blocks(*given) if lonely else choose(_in_lanes, _in_blocks, *given)
    return y, end


def _stacked(sections: tuple[Section, ...], channels: int) -> Section:
    """Sections of numbers as one of (sections,) coefficients, or (sections, channels) if any has one a channel."""
    coefficients = jnp.broadcast_arrays(*(c for section in sections for c in section))
    if coefficients[0].ndim == 2:
        values = coefficients[0].shape[0]
        if values not in (1, channels):
            raise ValueError(f"a filter has {values} values in a slot, but must have 1 or {channels}: one a channel")
        coefficients = [c[:, 0] if values > 1 else c[0, 0] for c in coefficients]
    return Section(*(jnp.stack(coefficients[i::5]) for i in range(5)))


def _in_blocks(state: Array, x: Audio, *stacked: Array) -> tuple[Audio, Array]:
    systems = state_space(Section(*stacked))
    count = systems.D.shape[0]
    joined = functools.reduce(in_row, [StateSpace(*(leaf[i] for leaf in systems)) for i in range(count)])
    y, end = invariant(x, joined, state, BLOCK if count == 1 else _LONG)
    return y, end


def _in_lanes(state: Array, x: Audio, *stacked: Array) -> tuple[Audio, Array]:
    section, system = Section(*stacked), state_space(Section(*stacked))
    g, both = section.g, section.g + section.damping
    numbers = jnp.stack([both, g, 2 * g / (1 + g * both), system.C[..., 0], system.C[..., 1], system.D], -1)
    y, end = walk_sections(state, x, jnp.moveaxis(numbers, 0, -2).reshape(-1, numbers.shape[0] * 6))
    return y, end


def in_row(first: StateSpace, second: StateSpace) -> StateSpace:
    """The system that is `first` followed by `second`, its states those of both."""
    corner = second.B[..., :, None] * first.C[..., None, :]
    empty = jnp.zeros_like(jnp.swapaxes(corner, -1, -2))
    E = jnp.concatenate(
        [jnp.concatenate([first.E, empty], axis=-1), jnp.concatenate([corner, second.E], axis=-1)], axis=-2
    )
    B = jnp.concatenate([first.B, second.B * first.D[..., None]], axis=-1)
    C = jnp.concatenate([first.C * second.D[..., None], second.C], axis=-1)
    return StateSpace(E, B, C, first.D * second.D)


def section_response(section: Section, turns: Float[Array, " frequencies"]) -> Complex[Array, "... frequencies"]:
    """H at frequencies given as f / fs, finite at 0 and at 0.5."""
    g, k, high, band, low = section
    c, s = g * jnp.cos(jnp.pi * turns), jnp.sin(jnp.pi * turns)
    return (low * c * c - high * s * s + 1j * band * c * s) / (c * c - s * s + 1j * k * c * s)


__all__ = ["Section", "cascade", "in_row", "moves", "section_response", "state_space", "svf"]
