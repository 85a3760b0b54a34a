"""The law's check: a block must be the same whole and in pieces, in value and in slope."""

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ddspfx.block import AbstractBlock
from ddspfx.clock import Clock
from ddspfx.types import Audio, State

TEN_HOURS = 36_000
VALUE_BOUND = 1e-6
"""Times max(1, peak)."""
SLOPE_BOUND = 1e-4
"""Times the leaf's largest entry, plus 1e-6."""


class Case(NamedTuple):
    """One combination that a block is held to."""

    channels: int
    sample_rate: int
    second: int
    splits: tuple[int, ...]


DEFAULT = (Case(2, 44_100, 0, (1, 90, 157)), Case(1, 48_000, TEN_HOURS, (128,)))
MATRIX = tuple(
    Case(*combination)
    for combination in itertools.product(
        (1, 2), (44_100, 48_000, 96_000), (-1, 0, TEN_HOURS), ((1,), (1, 2, 3, 160), (64, 128, 192), (255,))
    )
)
COUNT = 256


def in_pieces(block: AbstractBlock, x: Audio, clock: Clock, splits: Sequence[int] = ()) -> tuple[Audio, State]:
    """The block called piece by piece, cut before each sample in `splits`, and the state at the end."""
    state, done = block.init_state(x.shape[0], clock.sample_rate), []
    for piece in jnp.split(x, np.asarray(splits, int), axis=1):
        y, state = block(piece, state, clock)
        clock = clock.after(piece.shape[1])
        done.append(y)
    return jnp.concatenate(done, axis=1), state


def probes(channels: int, count: int = COUNT) -> dict[str, Audio]:
    """What every block must survive: silence, DC, full scale, an impulse, denormals, and noise."""
    shape = (channels, count)
    square = jnp.sign(jnp.sin(2 * jnp.pi * 0.013 * jnp.arange(count) + 0.1))
    return {
        "silence": jnp.zeros(shape),
        "DC": jnp.full(shape, 0.5),
        "full scale": jnp.broadcast_to(square, shape),
        "an impulse": jnp.zeros(shape).at[:, 3].set(1.0),
        "denormals": jnp.full(shape, 1e-41),
        "noise": 0.3 * jax.random.normal(jax.random.key(1), shape),
    }


def check_block(
    block: AbstractBlock,
    *,
    channels: int | None = None,
    sample_rate: int | None = None,
    cases: Sequence[Case] = DEFAULT,
    count: int = COUNT,
) -> None:
    """Raises AssertionError unless the block obeys the law; `cases=MATRIX` is the whole of it.

    In every case the block runs under jit and vmap over six signals (silence, DC, full scale, an impulse,
    denormals, noise), whole and in pieces: values agree within 1e-6 max(1, peak), slopes within 1e-4 of the
    leaf's largest entry + 1e-6, and neither is ever NaN or infinite. `channels` and `sample_rate` narrow a
    block that takes only some (a balance takes two channels).
    """
    latency = block.latency(sample_rate or 48_000)
    assert latency >= 0, f"{_name(block)}: latency is {latency}, but must be at least 0"
    for case in dict.fromkeys(
        c._replace(channels=channels or c.channels, sample_rate=sample_rate or c.sample_rate) for c in cases
    ):
        _check_case(block, case, count)


def _name(block: AbstractBlock) -> str:
    return type(block).__name__


def _check_case(block: AbstractBlock, case: Case, count: int) -> None:
    signals = probes(case.channels, count)
    x = jnp.stack(list(signals.values()))
    clock = eqx.tree_at(lambda c: c.second, Clock.zero(case.sample_rate, 7), jnp.int32(case.second))
    parameters, rest = eqx.partition(block, eqx.is_inexact_array)
    weights = jnp.cos(jnp.arange(count) * 0.7) / count

    def run(splits: tuple[int, ...]) -> Any:
        def loss(parameters: Any, x: Audio, clock: Clock) -> tuple[Any, tuple[Audio, State]]:
            y, state = in_pieces(eqx.combine(parameters, rest), x, clock, splits)
            return jnp.sum((y + y**2) * weights), (y, state)

        slopes = jax.value_and_grad(loss, argnums=(0, 1), has_aux=True)
        return jax.jit(jax.vmap(slopes, in_axes=(None, 0, None)))(parameters, x, clock)

    (_, (whole, last)), slope = run(())
    assert whole.shape == x.shape, f"{_name(block)}: output has shape {whole.shape[1:]}, input {x.shape[1:]}"
    for row, name in enumerate(signals):
        finite = [np.isfinite(np.asarray(leaf[row])).all() for leaf in jax.tree.leaves((whole, slope))]
        assert all(finite), f"{_name(block)}: NaN or infinity in value or slope with {name} in ({case})"
    (_, (pieces, end)), slope_pieces = run(case.splits)
    bound = VALUE_BOUND * max(1.0, float(jnp.abs(whole).max()))
    worst = np.abs(np.asarray(pieces) - np.asarray(whole)).max(axis=(1, 2))
    for name, error in zip(signals, worst, strict=True):
        assert error <= bound, f"{_name(block)}: in pieces {error:.2e} off with {name} in, bound {bound:.0e} ({case})"
    _check_shapes(block, last, end)
    _check_slopes(block, slope, slope_pieces, case)


def _check_shapes(block: AbstractBlock, last: State, end: State) -> None:
    shapes = [[(leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(state)] for state in (last, end)]
    same = str(jax.tree.structure(last)) == str(jax.tree.structure(end)) and shapes[0] == shapes[1]
    assert same, f"{_name(block)}: the state changes its shape or type with the length of the piece"


def _check_slopes(block: AbstractBlock, whole: Any, pieces: Any, case: Case) -> None:
    flat = jax.tree_util.tree_flatten_with_path(whole)[0]
    for (path, a), b in zip(flat, jax.tree.leaves(pieces), strict=True):
        if jnp.issubdtype(a.dtype, jnp.inexact) and a.size:
            error, bound = float(jnp.abs(a - b).max()), SLOPE_BOUND * float(jnp.abs(a).max()) + 1e-6
            where = jax.tree_util.keystr(path)
            assert error <= bound, (
                f"{_name(block)}: slope of {where} {error:.2e} off in pieces, bound {bound:.1e} ({case})"
            )
