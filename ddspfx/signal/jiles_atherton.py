"""Magnetic hysteresis after Jiles and Atherton: magnetisation from field, integrated over the field."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ddspfx.signal.langevin import bent_langevin, langevin
from ddspfx.signal.march import Step, march
from ddspfx.signal.native.library import choose
from ddspfx.signal.native.rows import as_row, folded, run
from ddspfx.types import Audio, Readable

SUBSTEPS = {"rk2": 8, "rk4": 4, "newton": 6}
"""Steps a sample that keep each solver within 1e-3 of saturation on the test's settings and signals."""
REACH = 1.5
"""Longest step in units of the field in which M relaxes; RK4 is stable up to 2.8, RK2 up to 2."""
ITERATIONS = 3


class Magnetics(NamedTuple):
    """A magnetic material, each value broadcasting against (channels, samples).

    `saturation` Ms, `shape` a and `coercivity` k in A/m. `coupling` is alpha Ms / (3 a), which must stay
    below 1 for the anhysteretic curve to be single-valued. `reversibility` c is from 0 to below 1.
    """

    saturation: Readable
    shape: Readable
    coercivity: Readable
    coupling: Readable
    reversibility: Readable


@jax.custom_jvp
def _slope(h: Array, m: Array, delta: Array, kappa: Array, coupling: Array, c: Array) -> Array:
    """dm/dh for m = M / Ms, h = H / a, kappa = k / a, coupling = alpha Ms / a, delta = sign dH.

    The irreversible part acts only where the field drives m towards the anhysteretic curve (Delta_M), and a
    loop's lag never exceeds (1 - c) kappa / 3, because it relaxes towards (1 - c) kappa L'(x): holding it
    there leaves every reachable state alone and keeps the denominator at (1 - c) kappa (1 - coupling / 3).
    """
    curve, steep = langevin(h + coupling * m)
    width = (1.0 - c) * kappa
    lag = jnp.clip(delta * (curve - m), 0.0, width * (1 / 3))
    room = width - coupling * lag
    return ((1.0 - c) * lag + c * steep * room) / (room * (1.0 - coupling * c * steep))


@_slope.defjvp
def _slope_jvp(primal: tuple[Array, ...], tangent: tuple[Array, ...]) -> tuple[Array, Array]:
    """By hand, because what autodiff makes of the clip and the quotients compiles five times slower."""
    h, m, delta, kappa, coupling, c = primal
    dh, dm, _, dkappa, dcoupling, dc = tangent
    curve, steep, bend = bent_langevin(h + coupling * m)
    width = (1.0 - c) * kappa
    behind, most = delta * (curve - m), width * (1 / 3)
    lag = jnp.clip(behind, 0.0, most)
    room, loop = width - coupling * lag, 1.0 - coupling * c * steep
    inverse = 1.0 / (room * loop)
    pull, gain = lag * inverse * loop, room * inverse
    value = ((1.0 - c) * pull + c * steep) * gain
    by_steep = (1.0 + coupling * value) * gain
    by_lag = (1.0 - c) * width * inverse * inverse * loop
    free = jnp.where((behind > 0.0) & (behind < most), delta * by_lag, 0.0)
    by_x = free * steep + c * by_steep * bend
    by_width = jnp.where(behind >= most, by_lag * (1 / 3), 0.0) - (1.0 - c) * pull * inverse
    by_coupling = by_x * m + (1.0 - c) * pull * pull * gain + c * steep * value * gain
    by_c = steep * by_steep - pull * gain - kappa * by_width
    slope = by_x * dh + (by_x * coupling - free) * dm + (1.0 - c) * by_width * dkappa
    return value, slope + by_coupling * dcoupling + by_c * dc


TABLEAUX = {"rk2": ((0.0, 0.5), (0.0, 1.0)), "rk4": ((0.0, 0.5, 0.5, 1.0), (1 / 6, 1 / 3, 1 / 3, 1 / 6))}
"""Where each stage stands and what it weighs: the midpoint rule and Kutta's classical one."""


def _runge_kutta(solver: str, h: Array, m: Array, d: Array, *p: Array) -> Array:
    """m' = m + d sum_i w_i k_i, k_i = f(h + a_i d, m + a_i d k_{i-1}); a loop, since it compiles faster."""

    def stage(carry: tuple[Array, Array], row: tuple[Array, Array]) -> tuple[tuple[Array, Array], None]:
        last, total = carry
        place, weight = row
        slope = _slope(h + place * d, m + place * d * last, *p)
        return (slope, total + weight * slope), None

    places, weights = TABLEAUX[solver]
    rows = (jnp.asarray(places, m.dtype), jnp.asarray(weights, m.dtype))
    (_, mean), _ = jax.lax.scan(stage, (jnp.zeros_like(m), jnp.zeros_like(m)), rows)
    return m + d * mean


def _newton(h: Array, m: Array, d: Array, *p: Array) -> Array:
    """The implicit midpoint rule, q = m + d/2 f(h + d/2, q) and m' = 2 q - m, by Newton's iteration.

    The last iteration alone is differentiated: at the root it carries the slopes of the implicit function.
    """

    def excess(q: Array) -> Array:
        return q - m - d / 2 * _slope(h + d / 2, q, *p)

    def closer(_: int, q: Array) -> Array:
        miss, steep = jax.jvp(excess, (q,), (jnp.ones_like(q),))
        nearer: Array = jax.lax.stop_gradient(q - miss / jnp.maximum(steep, 0.1))
        return nearer

    middle: Array = jax.lax.fori_loop(0, ITERATIONS, closer, jax.lax.stop_gradient(m))
    miss, steep = jax.jvp(excess, (middle,), (jnp.ones_like(middle),))
    root: Array = middle - miss / jax.lax.stop_gradient(jnp.maximum(steep, 0.1))
    return 2 * root - m


_RULES: dict[str, Callable[..., Array]] = {
    "rk2": functools.partial(_runge_kutta, "rk2"),
    "rk4": functools.partial(_runge_kutta, "rk4"),
    "newton": _newton,
}


@functools.cache
def _substep(solver: str) -> Step:
    """One step of the field: M is a share of Ms inside, and before the first step comes the leap."""
    rule = _RULES[solver]

    def step(
        M: Array, index: Any, h: Array, d: Array, fade: Array, before: Array, after: Array, Ms: Array, *p: Array
    ) -> Array:
        m = M / Ms
        m = jnp.where((index == 0) & (fade < 1.0), after + (m - before) * fade, m)
        return Ms * jnp.clip(rule(h + index * d, m, d, jnp.sign(d), *p), -1.0, 1.0)

    return step


def _solve(h: Array, coupling: Array, iterations: int) -> Array:
    """m = L(h + coupling m) by Newton from the side where it is monotone; slopes by the implicit function."""
    fixed_h, fixed_coupling = jax.lax.stop_gradient((h, coupling))

    def closer(_: int, m: Array) -> Array:
        value, steep = langevin(fixed_h + fixed_coupling * m)
        return m - (m - value) / (1.0 - fixed_coupling * steep)

    m: Array = jax.lax.fori_loop(0, iterations, closer, jnp.sign(fixed_h))
    value, steep = langevin(h + coupling * m)
    root: Array = m + (value - m) / jax.lax.stop_gradient(1.0 - coupling * steep)
    return root


def anhysteretic(H: Audio, parameters: Magnetics) -> Audio:
    """M = Ms L((H + alpha M) / a): the magnetisation without hysteresis, in A/m for a field in A/m.

    Source: Jiles and Atherton (1986), J. Magn. Magn. Mater. 61, "Theory of ferromagnetic hysteresis".
    """
    Ms, a, _, share, _ = parameters
    h = jnp.asarray(H / a)
    return Ms * _solve(h, jnp.broadcast_to(3.0 * jnp.asarray(share, h.dtype), h.shape), 9)


def magnetise(
    H: Audio,
    M0: Float[Array, " channels"],
    H0: Float[Array, " channels"],
    parameters: Magnetics,
    solver: str = "rk4",
    substeps: int | None = None,
) -> Audio:
    """The magnetisation that a field H (A/m) leaves, sample by sample, from M0 at H0 (A/m, one a channel).

    dM/dH = [(1-c) D (Man - M) / ((1-c) delta k - alpha (Man - M)) + c dMan/dHe] / (1 - alpha c dMan/dHe),
    He = H + alpha M, Man = Ms L(He / a), delta = sign dH, D = 1 where delta (Man - M) > 0, else 0, integrated
    over H along the straight line between samples, so no derivative in time is taken and the sample rate
    only says how far apart the samples lie. `solver` is "rk2" (midpoint), "rk4" or "newton" (implicit
    midpoint). `substeps` equal steps a sample, none longer than `REACH` k (1 - s) (1 - s c) with s the coupling,
    the field in which the steepest part relaxes: of a longer way, what comes before is leapt over, since its
    memory fades as exp(-|dH| / k), to M = Man(H - delta (1 - c) k) plus what has not faded. |M| <= Ms always.
    At random settings RK4 is within 3e-3 of saturation where nothing is leapt over and steps stay below a. A leap
    may miss by 6e-3 at couplings below a half, and by half of saturation near 0.95, where the reach is far shorter
    than the memory: more substeps, or oversampling, make leaps rarer.
    Raises ValueError for an unknown solver.
    Sources: Jiles and Atherton (1986), J. Magn. Magn. Mater. 61; Holters and Zölzer (2016), DAFx, for the
    equation with D; Chowdhury (2019), "Real-time physical modelling for analog tape machines", DAFx, for tape.
    The leap and the bound are ours.
    """
    if solver not in _RULES:
        raise ValueError(f"solver is {solver!r}, but must be one of {', '.join(_RULES)}")
    steps = SUBSTEPS[solver] if substeps is None else substeps
    if steps < 1:
        raise ValueError(f"substeps is {substeps}, but must be at least 1")
    Ms, a, k, share, c = (jnp.asarray(value, H.dtype) for value in parameters)
    start = jnp.stack([M0, H0], axis=1).astype(H.dtype)
    rows = [as_row(value) for value in (H, Ms, 1.0 / a, k / a, 3.0 * share, c)]
    M: Audio = choose(functools.partial(_native, solver, steps), functools.partial(_pure, solver, steps), start, *rows)
    return M


def _pure(solver: str, steps: int, at: Array, H: Array, Ms: Array, unit: Array, kappa: Array, *others: Array) -> Array:
    coupling, c = others
    share = coupling / 3.0
    last = jnp.concatenate([at[:, 1:], H[:, :-1]], axis=1)
    start, way, sign = last * unit, (H - last) * unit, jnp.sign(H - last)
    reach = REACH * steps * kappa * (1.0 - share) * (1.0 - share * c)
    rest = jnp.where(jnp.abs(way) > reach, sign * reach, way)
    begin = start + (way - rest)
    fade = jnp.exp(-jnp.abs(way - rest) / kappa)
    back = sign * (1.0 - c) * kappa
    before, after = _solve(jnp.stack([start - back, begin - back]), jnp.broadcast_to(coupling, (2, *H.shape)), 4)
    values = (begin, rest / steps, fade, before, after, Ms, kappa, coupling, c)
    return march(_substep(solver), at[:, 0], *values, substeps=steps)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _native(solver: str, steps: int, start: Array, *rows: Array) -> Array:
    """The same in native/hysteresis.cc: one loop, where the leap is solved only if it is taken."""
    return run("magnetise", start, rows, (rows[0].shape[1],), **_attributes(solver, steps))[0]


def _attributes(solver: str, steps: int) -> dict[str, int]:
    return {"solver": list(_RULES).index(solver), "steps": steps}


def _native_forward(solver: str, steps: int, start: Array, *rows: Array) -> tuple[Array, tuple[Any, ...]]:
    M = _native(solver, steps, start, *rows)
    return M, (start, rows, M)


def _native_back(solver: str, steps: int, saved: tuple[Any, ...], bar: Array) -> tuple[Array, ...]:
    start, rows, M = saved
    columns = [row.shape[1] for row in rows]
    *slopes, first = run("magnetise_back", start, (bar, *rows, M), columns, **_attributes(solver, steps))
    return first, *(folded(slope, row) for slope, row in zip(slopes, rows, strict=True))


_native.defvjp(_native_forward, _native_back)
