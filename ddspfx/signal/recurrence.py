"""Linear recurrences s' = s + E s + B x, y = C s + D x: one kernel for constant matrices, one for moving ones."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ddspfx.types import Audio

BLOCK = 32
"""Samples a block for one section: fastest of 16 to 128 on two CPU cores."""
_GROUP = 32
"""Blocks whose states are found by one product; from group to group a loop goes on."""
_PRECISION = jax.lax.Precision.HIGHEST
"""Full float32 products: the default of some accelerators keeps ten bits."""


class StateSpace(NamedTuple):
    """A system of one input and one output with n states, its feedback matrix kept as E = A - I.

    At a low cutoff A is nearly I, and only E tells how nearly: in float32 A itself would lose the filter.
    """

    E: Float[Array, "... n n"]
    B: Float[Array, "... n"]
    C: Float[Array, "... n"]
    D: Float[Array, "..."]


def powers(E: Float[Array, "n n"], count: int) -> Float[Array, "count_and_1 n n"]:
    """E_m = (I + E)^m - I for m = 0 to `count`, by E_{a+b} = E_a + E_b + E_a E_b.

    In steps of one to the root of `count`, then in steps of that root.
    """
    root = math.isqrt(count) + 1
    small = _climb(jnp.zeros_like(E), E, root + 1)
    large = _climb(small[:root], small[root], count // root + 1)
    return large.reshape(-1, *E.shape)[: count + 1]


def _climb(F: Float[Array, "... n n"], S: Float[Array, "n n"], count: int) -> Float[Array, "count ... n n"]:
    """F, F + S + F S, and so on, `count` of them: a loop, since unrolled it takes seconds to compile."""

    def step(F: Array, _: None) -> tuple[Array, Array]:
        return F + S + jnp.matmul(F, S, precision=_PRECISION), F

    return jax.lax.scan(step, F, None, count)[1]


def _response(P: Float[Array, "m n n"], B: Float[Array, "n *inputs"]) -> Float[Array, "m n *inputs"]:
    """A^m B, with A^m = I + P[m]."""
    return B + jnp.tensordot(P, B, axes=(2, 0), precision=_PRECISION)


def _toeplitz(h: Float[Array, "length *rest"]) -> Float[Array, "length length *rest"]:
    """T[j, i] = h[i - j] for i >= j, else 0: what input j does to output i.

    Rows of length 2 length - 1 cut from repeats of length 2 length move on by one each; no gather, since the
    slope of a gather is a slow scatter.
    """
    length, rest = h.shape[0], h.shape[1:]
    flat = jnp.concatenate([h, jnp.zeros_like(h)])
    flat = jnp.broadcast_to(flat, (length, *flat.shape)).reshape(-1, *rest)
    return flat[: length * (2 * length - 1)].reshape(length, 2 * length - 1, *rest)[:, :length]


def _walk(u: Float[Array, "blocks n"], E: Float[Array, "n n"], start: Float[Array, " n"]) -> Float[Array, "blocks n"]:
    """The states s_0 = start, s_{i+1} = (I + E) s_i + u_i, without the last one."""

    def step(s: Float[Array, " n"], now: Float[Array, " n"]) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
        return s + (E * s).sum(-1) + now, s

    return jax.lax.scan(step, start, u)[1]


def _starts(u: Float[Array, "blocks n"], E: Float[Array, "n n"], start: Float[Array, " n"]) -> Float[Array, "blocks n"]:
    """What `_walk` gives; many blocks in groups, each group one Toeplitz product, so the walk is short."""
    blocks, n = u.shape
    if blocks <= _GROUP:
        return _walk(u, E, start)
    groups = -(-blocks // _GROUP)
    u = jnp.pad(u, ((0, groups * _GROUP - blocks), (0, 0))).reshape(groups, _GROUP, n)
    P = powers(E, _GROUP)
    reach = P[:_GROUP] + jnp.eye(n, dtype=E.dtype)
    ends = jnp.einsum("gib,iab->ga", u, reach[::-1], precision=_PRECISION)
    heads = _walk(ends, P[_GROUP], start)
    steps = jnp.concatenate([jnp.zeros((1, n, n), E.dtype), reach[:-1]])
    inside = jnp.einsum("gjb,jiab->gia", u, _toeplitz(steps), precision=_PRECISION)
    free = heads[:, None] + jnp.einsum("gb,iab->gia", heads, P[:_GROUP], precision=_PRECISION)
    return (inside + free).reshape(groups * _GROUP, n)[:blocks]


def _invariant(
    x: Float[Array, " samples"], system: StateSpace, state: Float[Array, " n"], block: int
) -> tuple[Float[Array, " samples"], Float[Array, " n"]]:
    E, B, C, D = system
    count = x.shape[0]
    length = min(block, count)
    blocks = -(-count // length)
    P = powers(E, length)
    reach = _response(P[:length], B)
    h = jnp.concatenate([D[None], jnp.matmul(reach[: length - 1], C, precision=_PRECISION)])
    X = jnp.pad(x, (0, blocks * length - count)).reshape(blocks, length)
    starts = _starts(jnp.matmul(X, reach[::-1], precision=_PRECISION), P[length], state)
    seen = C + jnp.tensordot(P[:length], C, axes=(1, 0), precision=_PRECISION)
    y = jnp.matmul(X, _toeplitz(h), precision=_PRECISION) + jnp.matmul(starts, seen.T, precision=_PRECISION)
    rest = count - (blocks - 1) * length
    last = starts[-1]
    end = last + jnp.matmul(P[rest], last, precision=_PRECISION)
    end = end + jnp.matmul(X[-1, :rest], reach[rest - 1 :: -1], precision=_PRECISION)
    return y.reshape(-1)[:count], end


def invariant(
    x: Audio, system: StateSpace, state: Float[Array, "channels n"], block: int = BLOCK
) -> tuple[Audio, Float[Array, "channels n"]]:
    """Runs a constant system, one for all channels or (leading axis) one for each; y and the state after the end.

    The samples of a block are one Toeplitz product, Y = T X + O s; the states at the starts of the blocks obey
    a recurrence of the same kind with (I + E)^block, solved the same way in groups. Exact for every split.

    Source: Barnes and Shinnaka (1980), "Block-shift invariance and block implementation of discrete-time
    filters".
    """
    axis = 0 if system.D.ndim else None
    run = jax.vmap(lambda x, system, state: _invariant(x, system, state, block), in_axes=(0, axis, 0))
    y, end = run(x, system, state)
    return y, end


def varying(
    x: Audio, system: StateSpace, state: Float[Array, "channels n"]
) -> tuple[Audio, Float[Array, "channels n"]]:
    """Runs a system that changes at every sample: E (channels or 1, samples, n, n), B and C (…, n), D (…).

    s_{i+1} = s_i + E_i s_i + B_i x_i, y_i = C_i s_i + D_i x_i; y and the state after the end.
    """
    E, B, C, D = system
    inputs = jnp.moveaxis(B * x[..., None], 1, 0)

    def step(
        s: Float[Array, "channels n"], now: tuple[Array, Array]
    ) -> tuple[Float[Array, "channels n"], Float[Array, "channels n"]]:
        E_now, u = now
        return s + (E_now * s[..., None, :]).sum(-1) + u, s

    end, before = jax.lax.scan(step, state, (jnp.moveaxis(E, 1, 0), inputs))
    return (C * jnp.moveaxis(before, 0, 1)).sum(-1) + D * x, end


__all__ = ["BLOCK", "StateSpace", "invariant", "powers", "varying"]
