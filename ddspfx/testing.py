"""The law's check: a block must be the same whole and in pieces, in value and in slope."""

import itertools
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
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


DEFAULT = (Case(2, 44_100, 0, (1, 86, 171)), Case(1, 48_000, TEN_HOURS, (128,)))
MATRIX = tuple(
    Case(*combination)
    for combination in itertools.product(
        (1, 2), (44_100, 48_000, 96_000), (-1, 0, TEN_HOURS), ((1,), (1, 2, 3, 160), (64, 128, 192), (255,))
    )
)
COUNT = 256
QUICK: dict[str, str | bool] = {"xla_backend_optimization_level": "0", "xla_cpu_use_fusion_emitters": False}
"""For XLA: compiling is nine tenths of a check, and takes a quarter of the time so. jaxlib 0.10.2 compiles a few
programs wrong with both options, so what fails so is checked once more as a user's program is compiled."""


def in_pieces(block: AbstractBlock, x: Audio, clock: Clock, splits: Sequence[int] = ()) -> tuple[Audio, State]:
    """The block called piece by piece, cut before each sample in `splits`, and the state at the end.

    Neighbours of equal length run in a loop, so that the block is compiled once for them. Raises AssertionError
    when a piece comes out in another shape, or leaves a state of other shapes or types than it was given.
    """
    sizes = np.diff([0, *splits, x.shape[1]]).tolist()
    lengths = [(size, len(list(run))) for size, run in itertools.groupby(sizes)]
    state, done = block.init_state(x.shape[0], clock.sample_rate), []

    def step(carry: tuple[State, Clock], piece: Audio) -> tuple[tuple[State, Clock], Audio]:
        state, clock = carry
        y, after = block(piece, state, clock)
        assert y.shape == piece.shape, f"{_name(block)}: output has shape {y.shape}, input {piece.shape}"
        _check_state(block, state, after, piece.shape[1])
        return (after, clock.after(piece.shape[1])), y

    parts = jnp.split(x, np.cumsum([size * times for size, times in lengths])[:-1], axis=1)
    for part, (size, times) in zip(parts, lengths, strict=True):
        if times == 1:
            (state, clock), y = step((state, clock), part)
        else:
            pieces = jnp.moveaxis(part.reshape(x.shape[0], times, size), 1, 0)
            (state, clock), y = jax.lax.scan(step, (state, clock), pieces)
            y = jnp.moveaxis(y, 0, 1).reshape(part.shape)
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
    optimised: bool = False,
) -> None:
    """Raises AssertionError unless the block obeys the law; `cases=MATRIX` is the whole of it.

    In every case the block runs under jit and vmap over six signals (silence, DC, full scale, an impulse,
    denormals, noise), whole and in pieces: values agree within 1e-6 max(1, peak), slopes within 1e-4 of the
    leaf's largest entry + 1e-6, and neither is ever NaN or infinite. `channels` and `sample_rate` narrow a
    block that takes only some (a balance takes two channels). The block is compiled quickly, and as its user
    compiles it when that fails, or from the start with `optimised`, which takes four times as long.
    """
    latency = block.latency(sample_rate or 48_000)
    assert latency >= 0, f"{_name(block)}: latency is {latency}, but must be at least 0"
    chosen = dict.fromkeys(
        c._replace(channels=channels or c.channels, sample_rate=sample_rate or c.sample_rate) for c in cases
    )
    programs = _programs(block, count, chosen, None if optimised else QUICK)
    for case in chosen:
        try:
            _check_case(block, case, count, programs)
        except (AssertionError, jax.errors.JaxRuntimeError):
            if optimised:
                raise
            _check_case(block, case, count, _programs(block, count, [case], None))


def _name(block: AbstractBlock) -> str:
    return type(block).__name__


def _start(sample_rate: int, second: int) -> Clock:
    start: Clock = eqx.tree_at(lambda c: c.second, Clock.zero(sample_rate, 7), jnp.int32(second))
    return start


def _programs(
    block: AbstractBlock, count: int, cases: Iterable[Case], options: Any
) -> dict[tuple[Any, ...], Callable[[Clock], Any]]:
    """The programs that the cases need, by channels, rate and splits, compiled side by side on two cores.

    They are traced here, where the user's JAX settings hold, and only compiled in other threads.
    """
    keys = dict.fromkeys(key for c in cases for key in ((*c[:2], ()), (*c[:2], c.splits)))
    with ThreadPoolExecutor(2) as pool:
        return {key: _program(block, count, options, pool, *key) for key in keys}


def _program(
    block: AbstractBlock,
    count: int,
    options: Any,
    pool: ThreadPoolExecutor,
    channels: int,
    sample_rate: int,
    splits: tuple[int, ...],
) -> Callable[[Clock], Any]:
    """Output and slopes of the block for all probes from a clock on, compiled for one way of cutting them."""
    x = jnp.stack(list(probes(channels, count).values()))
    parameters, rest = eqx.partition(block, eqx.is_inexact_array)
    weights = jnp.cos(jnp.arange(count) * 0.7) / count

    def loss(parameters: Any, x: Audio, clock: Clock) -> tuple[Any, Audio]:
        y, _ = in_pieces(eqx.combine(parameters, rest), x, clock, splits)
        return jnp.sum((y + y**2) * weights), y

    slopes = jax.jit(jax.vmap(jax.value_and_grad(loss, argnums=(0, 1), has_aux=True), in_axes=(None, 0, None)))
    lowered = slopes.lower(parameters, x, _start(sample_rate, 0))
    compiled = pool.submit(lowered.compile, compiler_options=options)
    return lambda clock: compiled.result()(parameters, x, clock)


def _check_case(
    block: AbstractBlock, case: Case, count: int, programs: dict[tuple[Any, ...], Callable[[Clock], Any]]
) -> None:
    clock = _start(case.sample_rate, case.second)
    (_, whole), slope = programs[case.channels, case.sample_rate, ()](clock)
    signals = list(probes(case.channels, count))
    for row, name in enumerate(signals):
        finite = [np.isfinite(np.asarray(leaf[row])).all() for leaf in jax.tree.leaves((whole, slope))]
        assert all(finite), f"{_name(block)}: NaN or infinity in value or slope with {name} in ({case})"
    (_, pieces), slope_pieces = programs[case.channels, case.sample_rate, case.splits](clock)
    bound = VALUE_BOUND * max(1.0, float(jnp.abs(whole).max()))
    worst = np.abs(np.asarray(pieces) - np.asarray(whole)).max(axis=(1, 2))
    for name, error in zip(signals, worst, strict=True):
        assert error <= bound, f"{_name(block)}: in pieces {error:.2e} off with {name} in, bound {bound:.0e} ({case})"
    _check_slopes(block, slope, slope_pieces, case)


def _check_state(block: AbstractBlock, before: State, after: State, count: int) -> None:
    shapes = [[(leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(state)] for state in (before, after)]
    same = str(jax.tree.structure(before)) == str(jax.tree.structure(after)) and shapes[0] == shapes[1]
    assert same, f"{_name(block)}: {count} samples change the shape or type of the state"


def _check_slopes(block: AbstractBlock, whole: Any, pieces: Any, case: Case) -> None:
    flat = jax.tree_util.tree_flatten_with_path(whole)[0]
    for (path, a), b in zip(flat, jax.tree.leaves(pieces), strict=True):
        if jnp.issubdtype(a.dtype, jnp.inexact) and a.size:
            error, bound = float(jnp.abs(a - b).max()), SLOPE_BOUND * float(jnp.abs(a).max()) + 1e-6
            where = jax.tree_util.keystr(path)
            assert error <= bound, (
                f"{_name(block)}: slope of {where} {error:.2e} off in pieces, bound {bound:.1e} ({case})"
            )
