"""Second-order sections whose numbers stand still, as one native kernel: sample by sample, all sections in a row."""

from typing import TypeAlias

import jax
from jaxtyping import Array, Float

from ddspfx.signal.native.rows import folded, run
from ddspfx.types import Audio

CHUNK = 32
"""Samples after which the kernel keeps the integrators for its backward pass, which works out those between."""
States: TypeAlias = Float[Array, "channels integrators"]
Numbers: TypeAlias = Float[Array, "systems numbers"]
Saved: TypeAlias = tuple[Audio, Numbers, Array]


@jax.custom_vjp
def walk_sections(state: States, x: Audio, numbers: Numbers) -> tuple[Audio, States]:
    """`x` through up to six sections; y and the integrators, two a section, after the end.

    A section is six numbers p, g, c, k, l, d. With a = x - s2, r = a - p s1 and w = s1 + g a it gives
    y = k s1 + l s2 + d x, and its integrators go on to s1 + c r and s2 + c w. `numbers` holds them section by
    section, in one row for all channels or one for each. Needs the native library.
    """
    y, end = run("sections", state, (x, numbers), (x.shape[1],))
    return y, end


def _forward(state: States, x: Audio, numbers: Numbers) -> tuple[tuple[Audio, States], Saved]:
    count = x.shape[1]
    y, kept, end = run("sections_kept", state, (x, numbers), (count, -(-count // CHUNK) * state.shape[1]))
    return (y, end), (x, numbers, kept)


def _back(saved: Saved, slopes: tuple[Audio, States]) -> tuple[States, Audio, Numbers]:
    x, numbers, kept = saved
    on_x, on_numbers, start = run(
        "sections_back", slopes[1], (x, numbers, slopes[0], kept), (x.shape[1], numbers.shape[1])
    )
    return start, on_x, folded(on_numbers, numbers)


walk_sections.defvjp(_forward, _back)


__all__ = ["walk_sections"]
