"""Jiles-Atherton hysteresis against SciPy's LSODA in float64, its own laws, and finite differences."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.signal import resample_poly

import ddspfx
from ddspfx.blocks.hysteresis import FULL_SCALE_FIELD, UNIT_MAGNETISATION
from ddspfx.clock import Clock
from ddspfx.signal.jiles_atherton import Magnetics, anhysteretic, magnetise
from ddspfx.signal.langevin import langevin

SOLVERS = ["rk2", "rk4", "newton"]
RATE = 8 * 44_100
TAPE = Magnetics(3.5e5, 2.2e4, 2.7e4, 0.0085, 0.17)
BIASED = TAPE._replace(reversibility=0.5)
SOFT = Magnetics(3.5e5, 3.4e4, 3.4e3, 0.04, 0.02)
COUPLED = Magnetics(3.5e5, 2.8e4, 8e3, 0.55, 0.3)


def exact_langevin(x):
    x = np.asarray(x, np.longdouble)
    away = np.where(np.abs(x) < 0.05, 1, x)
    series = x / 3 - x**3 / 45 + 2 * x**5 / 945 - x**7 / 4725 + 2 * x**9 / 93555
    return np.where(np.abs(x) < 0.05, series, 1 / np.tanh(away) - 1 / away)


def reference(H, material):
    """The equation in A/m as Jiles, Thoelke and Devine print it, by LSODA over each rise and fall of the field."""
    Ms, a, k, share, c = material
    alpha = 3 * share * a / Ms

    def slope(h, M, delta):
        x = (h + alpha * M[0]) / a
        man = Ms * float(exact_langevin(x))
        steep = 1 / 3 - x * x / 15 + 2 * x**4 / 189 if abs(x) < 1e-2 else 1 / x**2 - 1 / np.sinh(x) ** 2
        pull = man - M[0]
        lossy = (1 - c) * pull / ((1 - c) * delta * k - alpha * pull) if delta * pull > 0 else 0.0
        return [(lossy + c * Ms / a * steep) / (1 - alpha * c * Ms / a * steep)]

    path, M, place, done = np.concatenate([[0.0], H]), 0.0, 0, []
    signs = np.sign(np.diff(path))
    while place < len(signs):
        stop = place + 1
        if signs[place] == 0:
            done, place = [*done, [M]], stop
            continue
        while stop < len(signs) and signs[stop] == signs[place]:
            stop += 1
        span, wanted = (path[place], path[stop]), path[place + 1 : stop + 1]
        longest = abs(span[1] - span[0]) / 5
        way = solve_ivp(
            slope, span, [M], "LSODA", wanted, args=(signs[place],), rtol=1e-7, atol=1e-8 * Ms, max_step=longest
        )
        done.append(way.y[0])
        M, place = way.y[0][-1], stop
    return np.concatenate(done)


def music(count):
    """Decaying partials and noise to the band's edge, faded in over 0.3 ms, oversampled eight times."""
    t = np.arange(count // 8 + 64) / 44_100
    noise = np.random.default_rng(5).normal(size=t.size)
    tone = sum(np.sin(2 * np.pi * f * t + f) / (1 + i) for i, f in enumerate((110, 331, 1250, 4700, 9800)))
    x = resample_poly(tone * np.exp(-40 * t) + 0.3 * noise, 8, 1)[256 : 256 + count]
    return x / np.abs(x).max() * np.minimum(1, np.arange(count) / 100)


@functools.cache
def compiled(solver):
    return jax.jit(functools.partial(magnetise, solver=solver))


def magnetised(x, material, solver):
    silence = jnp.zeros(1)
    material = Magnetics(*(jnp.asarray(value, float) for value in material))
    return np.asarray(compiled(solver)(FULL_SCALE_FIELD * jnp.asarray(x, float)[None], silence, silence, material))[0]


@pytest.mark.parametrize("double", [False, True])
def test_langevin_and_its_slopes_are_exact_through_zero(double):
    with jax.enable_x64(double):
        x = jnp.asarray(np.concatenate([np.linspace(-30, 30, 4001), np.logspace(-12, 8, 200), [0.0]]))
        value, slope = langevin(x)
        bend = jax.jvp(lambda x: langevin(x)[1], (x,), (jnp.ones_like(x),))[1]
        at, bound = np.asarray(x, np.longdouble), 2e-14 if double else 6e-7
        np.testing.assert_allclose(value, exact_langevin(at), atol=bound)
        step = np.longdouble(1e-5)
        up, down = exact_langevin(at + step), exact_langevin(at - step)
        np.testing.assert_allclose(slope, (up - down) / (2 * step), atol=max(bound, 1e-11))
        wide = np.longdouble(1e-3)
        curve = (exact_langevin(at + wide) - 2 * exact_langevin(at) + exact_langevin(at - wide)) / wide**2
        np.testing.assert_allclose(bend, curve, atol=max(2 * bound, 1e-6))


def test_the_anhysteretic_curve_solves_its_equation():
    with jax.enable_x64(True):
        H = jnp.linspace(-2e5, 2e5, 401)[None]
        for share in (0.0, 0.5, 0.95):
            material = Magnetics(3.5e5, 2.2e4, 2.7e4, share, 0.2)
            M = anhysteretic(H, material)
            inner = (H + 3 * share * 2.2e4 / 3.5e5 * M) / 2.2e4
            np.testing.assert_allclose(M, 3.5e5 * np.asarray(langevin(inner)[0]), atol=1e-3)
        steep = jax.grad(lambda h: anhysteretic(h[None, None], material)[0, 0])(jnp.asarray(1e3))
        either = [float(anhysteretic(jnp.array([[1e3 + e]]), material)[0, 0]) for e in (1.0, -1.0)]
        assert float(steep) == pytest.approx((either[0] - either[1]) / 2, rel=1e-4)


@pytest.mark.parametrize("solver", SOLVERS)
def test_each_solver_is_within_a_thousandth_of_lsoda(solver):
    n = np.arange(1600) / RATE
    signals = {"1 kHz": np.sin(2e3 * np.pi * n), "10 kHz": np.sin(2e4 * np.pi * n), "music": music(1600)}
    for name, x in signals.items():
        for drive, material in ((1.0, TAPE), (1.0, BIASED), (4.0, BIASED), (2.4, SOFT), (0.75, COUPLED)):
            error = np.abs(magnetised(drive * x, material, solver) - truth(name, drive, material, x))
            assert error.max() / 3.5e5 < 1e-3, f"{name}, {material} driven by {drive}"


_TRUTHS = {}


def truth(name, drive, material, x):
    key = (name, drive, material)
    if key not in _TRUTHS:
        _TRUTHS[key] = reference(FULL_SCALE_FIELD * drive * x, material)
    return _TRUTHS[key]


@pytest.mark.parametrize("solver", SOLVERS)
def test_nothing_in_the_range_of_the_slots_escapes_saturation(solver):
    """64 random settings at once, up to +20 dBFS of noise and of tones at 44.1 and 192 kHz, and their slopes."""
    random, many, count = np.random.default_rng(7), 64, 512
    share = random.uniform(size=(6, many, 1))
    ranges = {info.name: info.range for info in ddspfx.slots(ddspfx.Hysteresis())}
    share[:, :8] = np.round(share[:, :8])
    values = [jnp.asarray(np.asarray(r.at(jnp.asarray(s)))) for r, s in zip(ranges.values(), share, strict=True)]
    n = np.arange(count)
    tones = [np.sin(2 * np.pi * 10_000 / rate * n) for rate in (44_100, 192_000)]
    x = 10 * np.stack([*tones, np.sign(tones[0]), random.uniform(-1, 1, count)])[np.arange(many) % 4]

    def loudness(values, x):
        block = ddspfx.Hysteresis(*values, solver=solver)
        y, _ = block(x, block.init_state(many, 44_100), Clock.zero(44_100))
        return jnp.sum(y * jnp.cos(jnp.arange(count))), y

    slopes, y = jax.jit(jax.grad(loudness, argnums=(0, 1), has_aux=True))(values, jnp.asarray(x, float))
    assert all(np.isfinite(np.asarray(leaf)).all() for leaf in jax.tree.leaves((slopes, y)))
    assert (np.abs(y) <= np.asarray(values[1]) / UNIT_MAGNETISATION * (1 + 1e-6)).all()
    assert np.abs(y).max() > 0.5


@pytest.mark.parametrize("solver", SOLVERS)
def test_slopes_are_those_of_finite_differences(solver):
    with jax.enable_x64(True):
        n = jnp.arange(120)
        x = 0.9 * jnp.sin(0.21 * n) + 0.3 * jnp.sin(0.057 * n + 1)
        weights = jnp.cos(0.3 * n)

        @jax.jit
        def loss(values):
            H = FULL_SCALE_FIELD * values[5] * x[None] + values[6] * jnp.ones(120)
            M = magnetise(H, jnp.zeros(1), jnp.zeros(1), Magnetics(*values[:5]), solver)
            return jnp.sum(M[0] * weights) / 3e5

        values = jnp.array([3.5e5, 2.2e4, 1.5e4, 0.4, 0.3, 1.3, 2e3])
        slopes = jax.jit(jax.grad(lambda values: loss(values)))(values)
        for place in range(7):
            step = jnp.zeros(7).at[place].set(1e-6 * values[place])
            wanted = float(loss(values + step) - loss(values - step)) / (2e-6 * float(values[place]))
            assert float(slopes[place]) == pytest.approx(wanted, rel=1e-4, abs=1e-9)


def test_slopes_reach_signals_in_slots():
    with jax.enable_x64(True):
        n = jnp.arange(60)
        H = (6e4 * jnp.sin(0.3 * n))[None]

        @jax.jit
        def loss(k):
            M = magnetise(H, jnp.zeros(1), jnp.zeros(1), TAPE._replace(coercivity=k))
            return jnp.sum(M[0] * jnp.cos(n)) / 3e5

        k = (2e4 + 5e3 * jnp.sin(0.1 * n))[None]
        slopes = jax.jit(jax.grad(lambda k: loss(k)))(k)
        way = jnp.cos(0.7 * n)[None]
        assert float(jnp.sum(slopes * way)) == pytest.approx(float(loss(k + way) - loss(k - way)) / 2, rel=1e-5)


def test_only_the_path_of_the_field_matters_not_its_speed():
    """Twice the samples along the same straight lines: what a derivative in time could not promise."""
    x = np.sin(0.2 * np.arange(400))
    twice = np.interp(np.arange(800) / 2 - 0.5, np.arange(-1, 400), np.concatenate([[0.0], x]))
    once, dense = magnetised(x, BIASED, "rk4"), magnetised(twice, BIASED, "rk4")
    np.testing.assert_allclose(dense[1::2] / 3.5e5, once / 3.5e5, atol=2e-4)


def test_a_sine_settles_into_a_symmetric_loop_that_loses_energy():
    """Odd harmonics alone, no offset, and an area that grows with the coercivity."""
    period, periods = 400, 8
    x = 5 * np.sin(2 * np.pi * np.arange(period * periods) / period)
    areas = []
    for k in (5e3, 2.7e4, 6e4):
        M = magnetised(x, TAPE._replace(coercivity=k), "rk4")[-period:] / 3.5e5
        lines = np.abs(np.fft.rfft(M)) / period
        assert lines[0:12:2].max() < 1e-3 * lines[1]
        assert lines[3] > 1e-2 * lines[1]
        areas.append(np.sum(np.diff(M, append=M[0]) * x[-period:]))
    assert 0 < areas[0] < areas[1] < areas[2]


def test_a_material_a_channel_plays_as_it_does_alone():
    """With a field that stands still at its turns, where a rounding error must not pass for a movement."""
    x = np.repeat(np.sin(0.3 * np.arange(200)), 2)
    alone = [magnetised(x, material, "rk4") for material in (TAPE, SOFT, COUPLED)]
    columns = Magnetics(*(jnp.asarray(v, float)[:, None] for v in np.array([TAPE, SOFT, COUPLED]).T))
    H = jnp.broadcast_to(FULL_SCALE_FIELD * jnp.asarray(x, float), (3, x.size))
    together = compiled("rk4")(H, jnp.zeros(3), jnp.zeros(3), columns)
    np.testing.assert_allclose(np.asarray(together) / 3.5e5, np.array(alone) / 3.5e5, atol=2e-6)


def test_without_coercivity_the_loop_closes_on_the_anhysteretic_curve():
    x = 2 * np.sin(2 * np.pi * np.arange(600) / 300)
    thin = Magnetics(3.5e5, 2.2e4, 1.0, 0.3, 0.1)
    wanted = np.asarray(anhysteretic(FULL_SCALE_FIELD * jnp.asarray(x)[None], thin))[0]
    np.testing.assert_allclose(magnetised(x, thin, "rk4") / 3.5e5, wanted / 3.5e5, atol=2e-4)


def test_a_faint_signal_passes_the_default_at_unit_gain():
    x = 1e-4 * jnp.sin(0.1 * jnp.arange(200))[None]
    block = ddspfx.Hysteresis()
    y, (M, H) = block(x, block.init_state(1, 44_100), Clock.zero(44_100))
    assert float(jnp.abs(y).max() / jnp.abs(x).max()) == pytest.approx(1, abs=0.01)
    assert float(M[0]) == pytest.approx(float(y[0, -1]) * UNIT_MAGNETISATION, rel=1e-6)
    assert float(H[0]) == pytest.approx(float(x[0, -1]) * FULL_SCALE_FIELD, rel=1e-6)


def test_what_is_not_known_is_named():
    with pytest.raises(ValueError, match="solver is 'euler', but must be one of rk2, rk4, newton"):
        magnetise(jnp.ones((1, 4)), jnp.zeros(1), jnp.zeros(1), TAPE, "euler")
    with pytest.raises(ValueError, match="substeps is 0"):
        magnetise(jnp.ones((1, 4)), jnp.zeros(1), jnp.zeros(1), TAPE, substeps=0)
