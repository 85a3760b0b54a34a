"""Filters against the cookbook and SciPy in float64, where they move, where they are tied to their own slopes."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import signal

from ddspfx.blocks.biquad import Biquad
from ddspfx.blocks.equaliser import GraphicEQ, ParametricEQ, centres
from ddspfx.blocks.filter import AllPass, BandPass, HighPass, HighShelf, LowPass, LowShelf, Notch, Peak
from ddspfx.blocks.one_pole import DCBlocker, OnePole
from ddspfx.clock import Clock
from ddspfx.listing import slots
from ddspfx.signal.native.library import pure
from ddspfx.signal.recurrence import StateSpace, invariant, varying
from ddspfx.signal.svf import Section, cascade
from ddspfx.slot import AbstractSource, Constant
from ddspfx.testing import in_pieces

PLAIN = (LowPass, HighPass, BandPass, Notch, AllPass)
SHAPING = (Peak, LowShelf, HighShelf)


@eqx.filter_jit
def _play(block, x, sample_rate):
    return block(x, block.init_state(x.shape[0], sample_rate), Clock.zero(sample_rate))


def _noise(channels, count, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (channels, count))


def _cookbook(kind, cutoff, q, gain, rate):
    """Bristow-Johnson's digital formulae as he prints them, in float64."""
    w = 2 * np.pi * cutoff / rate
    c, alpha, A = np.cos(w), np.sin(w) / (2 * q), 10 ** (gain / 40)
    r = 2 * np.sqrt(A) * alpha
    plain = (1 + alpha, -2 * c, 1 - alpha)
    b, a = {
        LowPass: (((1 - c) / 2, 1 - c, (1 - c) / 2), plain),
        HighPass: (((1 + c) / 2, -(1 + c), (1 + c) / 2), plain),
        BandPass: ((alpha, 0, -alpha), plain),
        Notch: ((1, -2 * c, 1), plain),
        AllPass: ((1 - alpha, -2 * c, 1 + alpha), plain),
        Peak: ((1 + alpha * A, -2 * c, 1 - alpha * A), (1 + alpha / A, -2 * c, 1 - alpha / A)),
        LowShelf: (
            (A * (A + 1 - (A - 1) * c + r), 2 * A * (A - 1 - (A + 1) * c), A * (A + 1 - (A - 1) * c - r)),
            (A + 1 + (A - 1) * c + r, -2 * (A - 1 + (A + 1) * c), A + 1 + (A - 1) * c - r),
        ),
        HighShelf: (
            (A * (A + 1 + (A - 1) * c + r), -2 * A * (A - 1 + (A + 1) * c), A * (A + 1 + (A - 1) * c - r)),
            (A + 1 - (A - 1) * c + r, 2 * (A - 1 - (A + 1) * c), A + 1 - (A - 1) * c - r),
        ),
    }[kind]
    return np.array([[*b, *a]], dtype=float) / a[0]


@pytest.mark.parametrize("kind", PLAIN + SHAPING)
@pytest.mark.parametrize("rate", [44_100, 192_000])
def test_filters_are_the_cookbooks_at_20_hz_1_khz_and_near_nyquist(kind, rate):
    cutoffs, x = [20.0, 1_000.0, 0.45 * rate], _noise(3, 6_001)
    more = {"gain": 9.0} if kind in SHAPING else {}
    y, _ = _play(kind(cutoffs, **more), jnp.asarray(x, float), rate)
    for row, cutoff in enumerate(cutoffs):
        wanted = signal.sosfilt(_cookbook(kind, cutoff, 0.5**0.5, 9.0, rate), x[row])
        assert np.abs(np.asarray(y[row]) - wanted).max() <= 1e-5 * max(1.0, np.abs(wanted).max())


@pytest.mark.parametrize("rate", [8_000, 48_000, 96_000])
def test_the_low_pass_is_right_at_every_rate_and_resonance(rate):
    cutoffs, q, x = [20.0, 1_000.0, 0.45 * rate], [0.2, 10.0, 3.0], _noise(3, 6_000)
    y, _ = _play(LowPass(cutoffs, q), jnp.asarray(x, float), rate)
    for row in range(3):
        wanted = signal.sosfilt(_cookbook(LowPass, cutoffs[row], q[row], 0.0, rate), x[row])
        assert np.abs(np.asarray(y[row]) - wanted).max() <= 1e-5 * max(1.0, np.abs(wanted).max())


@pytest.mark.parametrize("kind", PLAIN + SHAPING)
def test_the_frequency_response_is_the_analogue_prototypes(kind):
    rate, q, A = 48_000, 1.3, 10 ** (-7 / 40)
    f = np.array([0.0, 30.0, 2_000.0, 2_500.0, 11_000.0, 23_000.0])
    s = 1j * np.tan(np.pi * f / rate) / np.tan(np.pi * 2_000 / rate)
    wanted = {
        LowPass: 1 / (s**2 + s / q + 1),
        HighPass: s**2 / (s**2 + s / q + 1),
        BandPass: s / q / (s**2 + s / q + 1),
        Notch: (s**2 + 1) / (s**2 + s / q + 1),
        AllPass: (s**2 - s / q + 1) / (s**2 + s / q + 1),
        Peak: (s**2 + s * A / q + 1) / (s**2 + s / A / q + 1),
        LowShelf: A * (s**2 + np.sqrt(A) / q * s + A) / (A * s**2 + np.sqrt(A) / q * s + 1),
        HighShelf: A * (A * s**2 + np.sqrt(A) / q * s + 1) / (s**2 + np.sqrt(A) / q * s + A),
    }[kind]
    more = {"gain": -7.0} if kind in SHAPING else {}
    found = kind(2_000.0, resonance=q, **more).frequency_response(f, rate)
    assert np.abs(np.asarray(found) - wanted).max() <= 1e-5


class _Sweep(AbstractSource):
    """A cutoff that runs through its whole range at an audio rate."""

    def read(self, channels, count, clock):
        _, sample = clock.run(count)
        turns = (5_001 * sample) % clock.sample_rate / clock.sample_rate
        return (5.0 * 19_200.0 ** (0.5 - 0.5 * jnp.cos(2 * jnp.pi * turns)))[None]


@pytest.mark.parametrize("kind", [LowPass, HighShelf])
@pytest.mark.parametrize("cutoff", [20.0, 19_000.0])
def test_a_signal_that_stands_still_is_a_number(kind, cutoff):
    x = jnp.asarray(_noise(2, 3_000), float)
    number, end = _play(kind(cutoff), x, 44_100)
    moving, end_moving = _play(kind(Constant(cutoff)), x, 44_100)
    assert jnp.abs(number - moving).max() <= 3e-6 * max(1.0, float(jnp.abs(number).max()))
    # A number is kept as its place in the range, which rounds the cutoff; near Nyquist the integrators feel it.
    assert jnp.abs(end - end_moving).max() <= 5e-6 * max(1.0, float(jnp.abs(end).max()))


def test_a_moving_filter_loses_energy_however_fast_it_moves():
    block, clock = LowPass(_Sweep(), 40.0), Clock.zero(44_100)
    y, state = block(jnp.asarray(_noise(1, 20_000), float), jnp.ones((1, 2)), clock)
    assert np.isfinite(np.asarray(y)).all() and np.abs(np.asarray(y)).max() < 100
    energies = []
    for _ in range(50):
        _, state = _play_from(block, jnp.zeros((1, 7)), state, clock)
        clock = clock.after(7)
        energies.append(float((state**2).sum()))
    assert (np.diff(energies) <= 1e-6 * np.array(energies[:-1])).all() and energies[-1] < energies[0]


@eqx.filter_jit
def _play_from(block, x, state, clock):
    return block(x, state, clock)


@pytest.mark.parametrize("cutoff", [20.0, Constant(20.0)])
def test_pieces_off_the_blocks_grid_are_the_whole_at_20_hz_and_192_khz(cutoff):
    x, clock = jnp.asarray(_noise(1, 3_000), float), Clock.zero(192_000)
    block = HighPass(cutoff, 4.0)
    whole, end = in_pieces(block, x, clock)
    pieces, last = jax.jit(in_pieces, static_argnums=3)(block, x, clock, (1, 33, 1_500))
    assert jnp.abs(whole - pieces).max() <= 1e-6 * max(1.0, float(jnp.abs(whole).max()))
    assert jnp.abs(end - last).max() <= 1e-6 * max(1.0, float(jnp.abs(end).max()))


def test_many_blocks_go_in_groups_and_come_out_the_same():
    """A rotation that hardly decays, in float64, so that every block's state matters to the end."""
    with jax.enable_x64(True):
        angle, x = 0.03, _noise(2, 32 * 32 * 3 + 17)
        turn = 0.9999 * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        leaves = (turn - np.eye(2), np.array([0.2, -0.1]), np.array([0.5, 1.0]), np.array(0.3))
        system, start = StateSpace(*(jnp.asarray(leaf) for leaf in leaves)), jnp.array([[1.0, 2.0], [0.0, -1.0]])
        y, end = jax.jit(invariant)(jnp.asarray(x), system, start)
        moving = StateSpace(*(jnp.broadcast_to(leaf, (1, x.shape[1], *leaf.shape)) for leaf in system))
        wanted, last = jax.jit(varying)(jnp.asarray(x), moving, start)
        assert jnp.abs(y - wanted).max() < 1e-10 and jnp.abs(end - last).max() < 1e-10


def _leaf_slopes(make, value, sample_rate=44_100):
    """The slope with respect to one number, by JAX and by central differences, in float64."""
    with jax.enable_x64(True):
        x, weights = jnp.asarray(_noise(1, 90)), jnp.asarray(_noise(1, 90, 1))

        @jax.jit
        def loss(value):
            block = make(value)
            y, state = block(x, block.init_state(1, sample_rate), Clock.zero(sample_rate))
            return (weights * y**2).sum() + sum((leaf**2).sum() for leaf in jax.tree.leaves(state))

        value = jnp.asarray(value, float)
        slope, step = jax.grad(loss)(value), 1e-6
        finite = [
            (loss(value + step * unit) - loss(value - step * unit)) / (2 * step)
            for unit in jnp.eye(value.size).reshape(-1, *value.shape)
        ]
        return np.asarray(slope).ravel(), np.asarray(finite)


def _with(block, where, names):
    return lambda value: eqx.tree_at(lambda b: [getattr(b, n).raw for n in names], block, [value[i] for i in where])


@pytest.mark.parametrize(
    "kind, names",
    [
        (lambda: LowPass(900.0, 2.0), ("cutoff", "resonance")),
        (lambda: Peak(3_000.0, 5.0), ("cutoff", "gain", "resonance")),
        (lambda: HighShelf(3_000.0, -5.0), ("cutoff", "gain", "resonance")),
        (lambda: LowShelf(Constant(500.0), 5.0), ("gain", "resonance")),
        (lambda: DCBlocker(40.0), ("cutoff",)),
        (lambda: OnePole(700.0), ("cutoff",)),
    ],
)
def test_slopes_of_slots_are_finite_differences(kind, names):
    with jax.enable_x64(True):
        block = kind()
        start = np.array([float(getattr(block, name).raw) for name in names])
    slope, finite = _leaf_slopes(_with(block, range(len(names)), names), start)
    assert np.abs(slope - finite).max() <= 1e-6 * np.abs(finite).max()


def test_slopes_of_a_cascade_and_of_an_equaliser_are_finite_differences():
    with jax.enable_x64(True):
        biquad = Biquad.from_sos(signal.butter(3, 0.1, output="sos"))
        graphic = GraphicEQ(np.linspace(-9, 9, 10))
    slope, finite = _leaf_slopes(lambda v: eqx.tree_at(lambda b: b.log_g, biquad, v), biquad.log_g)
    assert np.abs(slope - finite).max() <= 1e-6 * np.abs(finite).max()
    slope, finite = _leaf_slopes(lambda v: eqx.tree_at(lambda b: b.gains.raw, graphic, v), graphic.gains.raw)
    assert np.abs(slope - finite).max() <= 1e-6 * np.abs(finite).max()


@pytest.mark.parametrize("cutoff", [20.0, 86_400.0])
@pytest.mark.parametrize(
    "design",
    [
        lambda f: signal.butter(5, f, fs=192_000, output="sos"),
        lambda f: signal.ellip(14, 1, 60, f, fs=192_000, output="sos"),
    ],
)
def test_biquads_run_scipys_sections(cutoff, design):
    sos, x = design(cutoff), _noise(2, 6_000)
    y, _ = _play(Biquad.from_sos(sos), jnp.asarray(x, float), 192_000)
    wanted = signal.sosfilt(sos, x)
    assert np.abs(np.asarray(y) - wanted).max() <= 1e-5 * max(1.0, np.abs(wanted).max())
    f = np.array([5.0, 19.0, 1_000.0, 86_000.0])
    found = Biquad.from_sos(sos).frequency_response(f, 192_000)
    assert np.abs(found - signal.sosfreqz(sos, f, fs=192_000)[1]).max() <= 1e-5


def test_biquads_give_their_coefficients_back():
    sos = np.array([[0.3, -0.2, 0.1, 2.0, -1.2, 0.5], [1.0, 0.5, 0.0, 1.0, -0.9, 0.0]])
    with jax.enable_x64(True):
        assert np.abs(Biquad.from_sos(sos).to_sos() - sos / sos[:, 3:4]).max() < 1e-14
    assert np.abs(Biquad((0.5, 0.1), (1.0, -0.8)).to_sos() - [[0.5, 0.1, 0, 1, -0.8, 0]]).max() < 1e-6


def test_first_order_filters_are_their_difference_equations():
    x, rate = _noise(1, 5_000) + 0.5, 48_000
    for cutoff in (20.0, 0.45 * rate):
        a = np.exp(-2 * np.pi * cutoff / rate)
        y, _ = _play(OnePole(cutoff), jnp.asarray(x, float), rate)
        assert np.abs(y - signal.lfilter([1 - a], [1, -a], x)).max() <= 1e-5
        moving, _ = _play(OnePole(Constant(cutoff)), jnp.asarray(x, float), rate)
        assert np.abs(y - moving).max() <= 1e-6
    a = np.exp(-2 * np.pi * 30.0 / rate)
    y, _ = _play(DCBlocker([30.0]), jnp.asarray(x, float), rate)
    assert np.abs(y - signal.lfilter([(1 + a) / 2, -(1 + a) / 2], [1, -a], x)).max() <= 1e-5


@pytest.mark.parametrize("channels, each", [(1, False), (3, True), (9, False)])
def test_sections_in_lanes_are_sections_in_blocks_values_and_slopes(channels, each):
    """Sample by sample in the native kernel, or in blocks: two ways to the same numbers, in float64."""
    with jax.enable_x64(True):
        rng, shape = np.random.default_rng(channels), (channels, 1) if each else ()
        sections = tuple(
            Section(
                *(jnp.asarray(rng.uniform(low, high, shape)) for low, high in ((0.01, 2), (0.2, 2), *[(-1, 1)] * 3))
            )
            for _ in range(4)
        )
        given = sections, jnp.asarray(_noise(channels, 171)), jnp.asarray(_noise(channels, 8, 1).reshape(-1, 4, 2))

        def loss(sections, x, state):
            y, end = cascade(x, sections, state)
            return (y * jnp.cos(y)).sum() + (end**3).sum(), (y, end)

        found = jax.jit(jax.value_and_grad(loss, (0, 1, 2), has_aux=True))(*given)
        with pure():
            wanted = jax.jit(jax.value_and_grad(loss, (0, 1, 2), has_aux=True))(*given)
        for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
            assert jnp.abs(one - other).max() <= 1e-11 * max(1.0, float(jnp.abs(other).max()))


def test_a_batch_of_takes_is_filtered_as_each_take():
    x, block = jnp.asarray(_noise(5, 400), float)[:, None], Biquad.from_sos(signal.butter(6, 0.2, output="sos"))

    def loss(block, x):
        y, _ = block(x, block.init_state(1, 48_000), Clock.zero(48_000))
        return (y**2).sum()

    slope = eqx.filter_jit(jax.grad(lambda b, x: jax.vmap(loss, (None, 0))(b, x).sum()))(block, x)
    each = [eqx.filter_jit(jax.grad(loss))(block, take) for take in x]
    wanted = jax.tree.map(lambda *leaves: sum(leaves), *each)
    for one, other in zip(jax.tree.leaves(slope), jax.tree.leaves(wanted), strict=True):
        assert np.abs(one - other).max() <= 1e-5 * np.abs(other).max()


def test_a_graphic_equaliser_meets_its_gains_at_the_centres():
    rng = np.random.default_rng(3)
    for bands, worst in (("octave", 0.25), ("third_octave", 0.5)):
        count = centres(bands).size
        zigzag = 12.0 * (-1.0) ** np.arange(count)
        for gains in (zigzag, np.full(count, 12.0), rng.uniform(-12, 12, count)):
            response = GraphicEQ(gains, bands).frequency_response(centres(bands), 44_100)
            assert np.abs(20 * np.log10(np.abs(response)) - gains).max() <= worst


def test_equalisers_play_the_response_they_tell():
    f = np.array([0.0, 300.0, 1_000.0, 6_000.0])
    x = jnp.zeros((2, 16_384)).at[:, 0].set(1.0)
    parts = ParametricEQ([Peak([300.0, 500.0], -4.0), Peak(Constant(400.0), 3.0)], low_shelf=LowShelf(200.0, 3.0))
    for block in (GraphicEQ(np.linspace(-6, 6, 10)), parts):
        y, _ = _play(block, x, 44_100)
        measured = np.asarray(y, float) @ np.exp(-2j * np.pi * f[:, None] / 44_100 * np.arange(x.shape[1])).T
        assert np.abs(measured - block.frequency_response(f, 44_100)).max() <= 2e-4
    assert {"peak1.cutoff", "peak2.gain", "low_shelf.gain", "high_shelf.cutoff"} <= {s.path for s in slots(parts)}
    assert parts.peak2.gain.value == 3.0


def test_bands_above_half_the_rate_stay_flat():
    response = GraphicEQ(np.full(31, 12.0), "third_octave").frequency_response([1_000.0, 7_900.0], 16_000)
    level = 20 * np.log10(np.abs(np.asarray(response)))
    assert abs(level[0] - 12) < 0.1 and level[1] < 6


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: LowPass(1.0), "5 to 96000 Hz"),
        (lambda: LowPass(100.0, resonance=0.0), "0.1 to 40"),
        (lambda: GraphicEQ([1.0, 2.0]), "one number or 10"),
        (lambda: GraphicEQ(bands="sixth"), "octave"),
        (lambda: Biquad((1.0,), (1.0, -2.1, 1.2)), "stable"),
        (lambda: Biquad.from_sos(np.zeros((2, 5))), r"\(sections, 6\)"),
        (lambda: Biquad((np.nan,), (1.0,)), "not finite"),
        (lambda: _play(LowPass([1e3, 2e3]), jnp.zeros((3, 40)), 44_100), "1 or 3"),
    ],
)
def test_errors_say_what_would_do(make, words):
    with pytest.raises(ValueError, match=words):
        make()
