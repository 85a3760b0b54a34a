"""The stylus in the groove: tracing, tracking angles, contact loss and mistracking against closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ddspfx.block import AbstractBlock
from ddspfx.blocks.tracing import Tracing
from ddspfx.clock import Clock
from ddspfx.signal.contact import lift
from ddspfx.signal.native.library import pure
from ddspfx.signal.span import span
from ddspfx.source.groove import GrooveSpeed
from ddspfx.testing import check_block

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


def wall(t: np.ndarray, w: float, amplitude: float) -> tuple[np.ndarray, np.ndarray]:
    """A wall of two tones and its slope."""
    y = amplitude / w * (np.sin(w * t) + 0.3 * np.cos(1.9 * w * t + 0.4))
    return y, amplitude * (np.cos(w * t) - 0.57 * np.sin(1.9 * w * t + 0.4))


@pytest.mark.parametrize("amplitude", [0.1, 0.3, 0.9])
def test_the_envelope_is_the_maximum_over_a_fine_grid(amplitude: float) -> None:
    """r w g amplitude from 0.2 to 2.6: the ball touches once, barely once, and leaves the groove's floor."""
    count, pad, r, g, w = 250, 20, 9.0, 1.2, 0.2
    with jax.enable_x64(True):
        _, slope = wall(np.arange(-pad, count + pad), w, amplitude)
        given = jnp.asarray(slope)[None], jnp.full((1, 1), r), jnp.full((1, 1), g)
        native = jax.jit(lambda *a: lift(*a, count))(*given)
        with pure():
            plain = jax.jit(lambda *a: lift(*a, count))(*given)
    n, tau = np.arange(count), np.linspace(-r, r, 40_001)[:, None]
    found = (wall(n + tau, w, amplitude)[0] - (r - np.sqrt(r * r - tau**2)) / g).max(axis=0) - wall(n, w, amplitude)[0]
    np.testing.assert_allclose(native[0], found, atol=1e-5 * found.max())
    np.testing.assert_allclose(plain, native, atol=1e-9)


def test_slopes_of_the_lift_are_those_of_finite_differences() -> None:
    count, pad = 40, 14
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


@pytest.mark.parametrize("block", [Tracing(), Tracing(30.0, GrooveSpeed(position=0.5))])
def test_tracing_obeys_the_law(block: AbstractBlock) -> None:
    check_block(block)


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
