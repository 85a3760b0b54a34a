"""The stylus in the groove: tracing, tracking angles, contact loss and mistracking against closed forms."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ddspfx.block import AbstractBlock
from ddspfx.blocks.contact_loss import ContactLoss
from ddspfx.blocks.mistracking import KNEE, Mistracking
from ddspfx.blocks.tracing import Tracing
from ddspfx.blocks.tracking_angle import TrackingAngle
from ddspfx.clock import Clock
from ddspfx.signal.contact import lift
from ddspfx.signal.native.library import pure
from ddspfx.signal.span import span
from ddspfx.source.groove import GrooveSpeed

RATE, PERIOD = 44_100, 4_096
RIM, CENTRE = 0.5107, 0.2105
"""Groove speeds at 146.3 and 60.3 mm, m/s."""


def tones(block: AbstractBlock, frequency: float, velocity: float, channels: int = 1) -> tuple[float, np.ndarray]:
    """The frequency that fits the period, and the amplitudes of all lines of the answer to it, in cm/s."""
    cycles = round(frequency / RATE * PERIOD) | 1
    wave = velocity / 19.905 * np.sin(2 * np.pi * cycles * np.arange(2 * PERIOD) / PERIOD)
    x = jnp.asarray(np.tile(wave, (channels, 1)))
    y, _ = jax.jit(lambda x, s: block(x, s, Clock.zero(RATE)))(x, block.init_state(channels, RATE))
    lines = np.fft.rfft(np.asarray(y[:, PERIOD:], float)) / (PERIOD / 2) * 19.905
    return cycles / PERIOD * RATE, lines


def harmonics(frequency: float, lines: np.ndarray) -> np.ndarray:
    """The fundamental and its multiples, of each channel."""
    cycles = round(frequency * PERIOD / RATE)
    return np.abs(lines[:, cycles::cycles])


@pytest.mark.parametrize(
    ("radius", "speed", "frequency"), [(18, RIM, 10e3), (15, RIM, 3e3), (18, 0.3, 4e3), (8, 0.25, 5e3)]
)
def test_second_harmonic_of_tracing(radius: float, speed: float, frequency: float) -> None:
    frequency, lines = tones(Tracing(radius, speed), frequency, 5.0)
    first, second = harmonics(frequency, lines)[0, :2]
    asked = radius * 1e-6 * 2 * np.pi * frequency * 0.05 / (2 * speed**2)
    assert asked <= 0.2 and abs(second / first / asked - 1) <= 0.05


def test_aliases_of_tracing_are_70_db_down_at_the_rim() -> None:
    frequency, lines = tones(Tracing(18.0, RIM), 10e3, 5.0)
    cycles = round(frequency * PERIOD / RATE)
    rest = np.abs(lines[0]).copy()
    rest[::cycles] = 0
    assert 20 * np.log10(rest.max() / abs(lines[0, cycles])) <= -70


def test_a_lateral_groove_keeps_its_odd_harmonics_in_the_sum_and_the_second_in_the_difference() -> None:
    frequency, lines = tones(Tracing(18.0, 0.3), 3e3, 5.0, channels=2)
    lateral, vertical = (harmonics(frequency, lines[:1] + side * lines[1:])[0] for side in (1, -1))
    assert lateral[1] < 1e-5 * lateral[0] and vertical[0] < 1e-5 * lateral[0]
    assert vertical[1] > 0.03 * lateral[0] and lateral[2] > 1e-3 * lateral[0]


@pytest.mark.parametrize(("side", "angles"), [(1, (3.0, 0.0)), (-1, (0.0, 10.0))])
@pytest.mark.parametrize(("speed", "frequency"), [(RIM, 100), (CENTRE, 1e3), (CENTRE, 10e3)])
def test_second_harmonic_of_the_angles(side: int, angles: tuple[float, float], speed: float, frequency: float) -> None:
    """Walls that move by 5 / sqrt 2 cm/s together, or against each other, are a groove that moves by 5 cm/s."""
    block = TrackingAngle(*angles, speed)
    cycles = round(frequency / RATE * PERIOD) | 1
    wave = np.sqrt(0.5) * 5 / 19.905 * np.sin(2 * np.pi * cycles * np.arange(4 * PERIOD) / PERIOD)
    x = jnp.asarray(np.stack([wave, side * wave]))
    y, _ = jax.jit(lambda x, s: block(x, s, Clock.zero(RATE)))(x, block.init_state(2, RATE))
    groove = np.fft.rfft(np.asarray(y[0, 3 * PERIOD :] + side * y[1, 3 * PERIOD :], float))
    assert abs(groove[2 * cycles] / groove[cycles]) == pytest.approx(
        0.05 * np.tan(np.deg2rad(max(angles))) / speed, rel=0.01
    )
    other = np.fft.rfft(np.asarray(y[0, 3 * PERIOD :] - side * y[1, 3 * PERIOD :], float))
    assert np.abs(other).max() < 1e-6 * np.abs(groove).max()


def test_an_angle_moves_the_time_of_the_displacement() -> None:
    """y_out(t) = y(t + k y_out(t)) solved in double precision, against the velocity that the block plays."""
    speed, angle, late_s = 0.25, 12.0, TrackingAngle().latency(RATE) / RATE
    k, amplitude, turns = np.tan(np.deg2rad(angle)) / speed, 0.1, 2 * np.pi * np.array([900.0, 2_300.0])
    t = np.arange(12_000) / RATE

    def groove(t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return sum(np.sin(w * t) / w for w in turns) * amplitude, sum(np.cos(w * t) for w in turns) * amplitude

    tau = np.zeros_like(t)
    for _ in range(40):
        tau = k * groove(t - late_s + tau)[0]
    w = groove(t - late_s + tau)[1]
    x, block = jnp.asarray(groove(t)[1] / 0.19905)[None], TrackingAngle(angle, 0.0, speed)
    y, _ = block(x, block.init_state(1, RATE), Clock.zero(RATE))
    found, wanted = np.asarray(y[0, 10_500:]) * 0.19905, (w / (1 - k * w))[10_500:]
    plain = groove(t - late_s)[1][10_500:]
    assert np.abs(found - wanted).max() < 0.02 * np.abs(wanted - plain).max()


@pytest.mark.parametrize(("length", "speed"), [(4.0, 0.21), (8.0, 0.21), (12.0, 0.3), (0.0, 0.5)])
def test_contact_loss_is_that_of_a_half_ellipse(length: float, speed: float) -> None:
    from scipy.special import j1

    frequencies = np.linspace(50, 20_000, 400)
    u = np.maximum(2 * np.pi * frequencies * length * 1e-6 / speed, 1e-9)
    response = ContactLoss(length, speed).frequency_response(frequencies, RATE)[0]
    assert np.abs(response - 2 * j1(u) / u).max() < 10 ** (-65 / 20)


def test_contact_loss_is_null_at_the_first_zero_of_its_bessel_function() -> None:
    """At 3.8317 V / (2 pi b): 16,008 Hz for 8 µm at 0.21 m/s; and where it moves, as where it stands."""
    block = ContactLoss(8.0, GrooveSpeed(position=1.0, rpm=0.21 / (2 * np.pi * 0.0603) * 60))
    t = np.arange(2_048) / RATE
    heard = []
    for frequency in (1_000.0, 15_500.0, 3.8317 * 0.21 / (2 * np.pi * 8e-6), 16_500.0):
        x = jnp.asarray(np.sin(2 * np.pi * frequency * t))[None]
        heard.append(float(jnp.abs(block(x, block.init_state(1, RATE), Clock.zero(RATE))[0][0, 100:]).max()))
    assert heard[2] < 10 ** (-65 / 20) * heard[0] and min(heard[1], heard[3]) > 10 * heard[2]


def test_below_the_limit_nothing_is_lost_and_above_it_odd_harmonics_are_made() -> None:
    settings = {"limit": 20.0, "acceleration": 1e3}
    bend = 980_665.0 / (2 * np.pi * 20.0)
    for frequency, allowed in (
        (1e3, KNEE * 20 / np.sqrt(1 + (1e3 / bend) ** 2)),
        (8e3, KNEE * 20 / np.sqrt(1 + (8e3 / bend) ** 2)),
    ):
        frequency, lines = tones(Mistracking(**settings), frequency, 0.97 * allowed)
        np.testing.assert_allclose(harmonics(frequency, lines)[0, 1:], 0, atol=1e-5)
        frequency, lines = tones(Mistracking(**settings), frequency, 2 * allowed)
        assert harmonics(frequency, lines)[0, 0] < 1.5 * allowed
    frequency, lines = tones(Mistracking(**settings), 1e3, 30.0)
    first, second, third = harmonics(frequency, lines)[0, :3]
    assert second < 1e-5 < 0.05 * first < third


@pytest.mark.parametrize(
    "block", [Tracing(25.0, 0.3), TrackingAngle(5.0, 12.0, 0.3), ContactLoss(7.0, 0.3), Mistracking(3.0)]
)
def test_slopes_are_those_of_finite_differences(block: AbstractBlock) -> None:
    with jax.enable_x64(True):
        block = jax.tree.map(lambda a: jnp.asarray(a, float) if eqx.is_inexact_array(a) else a, block)
        x = 0.3 * jnp.asarray(np.stack([np.cos(0.21 * np.arange(220)), np.sin(0.34 * np.arange(220))]))
        weights, free = jnp.cos(jnp.arange(220.0) * 0.7), eqx.filter(block, eqx.is_inexact_array)

        @eqx.filter_jit
        def loss(free: AbstractBlock, x: jax.Array) -> jax.Array:
            state = jax.tree.map(lambda a: a.astype(float), block.init_state(2, RATE))
            return jnp.sum(weights * (eqx.combine(free, block)(x, state, Clock.zero(RATE))[0] + 0.1) ** 2)

        by_x = eqx.filter_jit(jax.grad(loss, 1))(free, x)
        by_slots = eqx.filter_jit(jax.grad(loss, 0))(free, x)
        way, step = jnp.sin(jnp.arange(220.0) * 1.3), 1e-6
        numeric = float(loss(free, x + step * way) - loss(free, x - step * way)) / (2 * step)
        assert float(jnp.sum(by_x * way)) == pytest.approx(numeric, rel=1e-5)
        leaves, shape = jax.tree.flatten(free)
        for i, slope in enumerate(jax.tree.leaves(by_slots)):
            ends = [
                loss(jax.tree.unflatten(shape, [a + s * (j == i) for j, a in enumerate(leaves)]), x)
                for s in (step, -step)
            ]
            assert float(slope) == pytest.approx(float(ends[0] - ends[1]) / (2 * step), rel=1e-4, abs=1e-6)


def wall(t: np.ndarray, w: float, amplitude: float) -> tuple[np.ndarray, np.ndarray]:
    """A wall of two tones and its slope."""
    y = amplitude / w * (np.sin(w * t) + 0.3 * np.cos(1.9 * w * t + 0.4))
    return y, amplitude * (np.cos(w * t) - 0.57 * np.sin(1.9 * w * t + 0.4))


@pytest.mark.parametrize("amplitude", [0.1, 0.3, 0.9])
def test_the_envelope_is_the_maximum_over_a_fine_grid(amplitude: float) -> None:
    """r w g amplitude from 0.2 to 2.6: the ball touches once, barely once, and leaves the groove's floor."""
    count, pad, r, g, w = 250, 14, 9.0, 1.2, 0.2
    with jax.enable_x64(True):
        _, slope = wall(np.arange(-pad, count + pad), w, amplitude)
        given = jnp.asarray(slope)[None], jnp.full((1, 1), r), jnp.full((1, 1), g)
        native = jax.jit(lambda *a: lift(*a, count))(*given)
        if amplitude > 0.5:
            with pure():
                plain = jax.jit(lambda *a: lift(*a, count))(*given)
            np.testing.assert_allclose(plain, native, atol=1e-9)
    n, tau = np.arange(count), np.linspace(-r, r, 40_001)[:, None]
    found = (wall(n + tau, w, amplitude)[0] - (r - np.sqrt(r * r - tau**2)) / g).max(axis=0) - wall(n, w, amplitude)[0]
    np.testing.assert_allclose(native[0], found, atol=1e-5 * found.max())


def test_slopes_of_the_lift_are_those_of_finite_differences() -> None:
    count, pad = 24, 11
    rng = np.random.default_rng(0)
    with jax.enable_x64(True):
        line = jnp.asarray([wall(np.arange(-pad, count + pad), 0.25, amplitude)[1] for amplitude in (0.3, 0.8)])
        given = line, jnp.asarray([[6.0], [4.5]]), jnp.full((1, count // 4), 0.8)
        weights = jnp.asarray(rng.normal(size=(2, count)))
        loss = jax.jit(lambda *given: jnp.sum(weights * lift(*given, count)))
        slopes = jax.jit(jax.grad(loss, (0, 1, 2)))(*given)
        with pure():
            plain = jax.jit(jax.grad(lambda *given: jnp.sum(weights * lift(*given, count)), (0, 1, 2)))(*given)
        moved = tuple(jnp.asarray(rng.normal(size=a.shape)) for a in given)
        forward = jax.jit(lambda *moved: jax.jvp(loss, given, moved)[1])(*moved)
        for i, (slope, way) in enumerate(zip(slopes, moved, strict=True)):
            ends = [loss(*(a + side * way if j == i else a for j, a in enumerate(given))) for side in (1e-6, -1e-6)]
            assert float(jnp.sum(slope * way)) == pytest.approx(float(ends[0] - ends[1]) / 2e-6, rel=1e-4)
            np.testing.assert_allclose(slope, plain[i], atol=1e-6)
        assert float(forward) == pytest.approx(float(sum(map(jnp.vdot, slopes, moved))), rel=1e-9)


def test_an_integral_over_a_moving_span_and_its_transpose() -> None:
    count, pad = 60, 12
    with jax.enable_x64(True):
        rng = np.random.default_rng(1)
        t, w = np.arange(-pad, count + pad), 0.3
        ends = rng.uniform(-8, 8, (1, count))
        n = np.arange(count)
        whole = (np.sin(w * (n + ends)) - np.sin(w * n)) / w
        line, bar = jnp.asarray(np.cos(w * t))[None], jnp.asarray(rng.normal(size=(1, count)))
        np.testing.assert_allclose(span(line, jnp.asarray(ends)), whole, atol=2e-5)
        many = jnp.stack([line, 2 * line])
        both = jax.vmap(lambda one: jax.vjp(lambda u: span(u, jnp.asarray(ends)), one)[1](bar)[0])(many)
        assert float(jnp.vdot(both[0], line)) == pytest.approx(float(jnp.vdot(bar, span(line, jnp.asarray(ends)))))


def test_faint_music_passes_unchanged_but_late() -> None:
    block = Tracing()
    x = 1e-6 * jax.random.normal(jax.random.key(0), (2, 500))
    y, _ = block(x, block.init_state(2, RATE), Clock.zero(RATE))
    late = int(block.latency(RATE))
    np.testing.assert_allclose(y[:, late:], x[:, :-late], atol=1e-10)


@pytest.mark.parametrize(("settings", "said"), [({"factor": 3}, "factor is 3"), ({"reach": 0.0}, "reach is 0")])
def test_what_cannot_be_traced(settings: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Tracing(**settings)


def test_what_cannot_be_an_angle_or_a_contact() -> None:
    with pytest.raises(ValueError, match="channels is 3"):
        TrackingAngle().init_state(3, RATE)
    with pytest.raises(ValueError, match="reach is 0"):
        TrackingAngle(reach=0.0)
    with pytest.raises(ValueError, match="longest is -1"):
        ContactLoss(longest=-1.0)
