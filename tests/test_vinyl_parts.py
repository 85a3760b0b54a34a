"""The linear parts of a record player, each against its formula in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import signal

from ddspfx import ArmResonance, Cartridge, CartridgeCrosstalk, Clock, DiscEqualiser, TapeLoss, render
from ddspfx.blocks.disc_equaliser import CURVES, FLOOR, IEC, curve
from ddspfx.blocks.time_constants import NONE

HZ = np.geomspace(20, 20_000, 400)


def decibels(h):
    return 20 * np.log10(np.abs(h))


def analogue(low, turnover, treble, iec=False):
    s, one = 2j * np.pi * HZ, 2j * np.pi * 1_000.0
    of = lambda s: (1 + s * turnover) / ((1 + s * low) * (1 + s * treble))  # noqa: E731
    return of(s) / np.abs(of(one)) * (s * IEC / (1 + s * IEC) if iec else 1)


@pytest.mark.parametrize("rate", [44_100, 96_000])
def test_curves_follow_their_analogue_ones(rate):
    for name in CURVES:
        replay = DiscEqualiser(*curve(name)).frequency_response(HZ, rate)
        assert np.abs(decibels(replay) - decibels(analogue(*curve(name)))).max() < 0.05, name
    iec = DiscEqualiser(iec=True).frequency_response(HZ, rate)
    assert np.abs(decibels(iec) - decibels(analogue(*curve("RIAA"), iec=True))).max() < 0.05


def test_the_published_table_of_the_riaa():
    """Replay levels in dB that IEC 60098 and the RIAA print for their own time constants."""
    printed = {20: 19.27, 50: 16.95, 100: 13.09, 500: 2.65, 1_000: 0.0, 2_122: -2.87, 10_000: -13.73, 20_000: -19.62}
    found = decibels(DiscEqualiser().frequency_response(np.array(list(printed)), 44_100))
    np.testing.assert_allclose(np.ravel(found), list(printed.values()), atol=0.06)


def test_recording_and_replay_cancel_as_they_stream():
    x = np.random.default_rng(0).standard_normal((2, 4_410)).astype(np.float32)
    for name in ("RIAA", "78"):
        cut = render(DiscEqualiser(*curve(name), record=True), x, 44_100)
        np.testing.assert_allclose(render(DiscEqualiser(*curve(name)), cut, 44_100), x, atol=2e-4)
    assert curve("78")[0] == FLOOR
    assert curve("78")[2] == NONE


def test_the_arm_stands_where_mass_and_spring_put_it():
    f0 = 1 / (2 * np.pi * np.sqrt(12e-3 * 20e-3))
    assert f0 == pytest.approx(10.27, abs=0.01)
    arm = ArmResonance(12.0, 20.0, 2.5)
    f = np.geomspace(1, 500, 50)
    _, wanted = signal.freqs([1, 0, 0], [1, 2 * np.pi * f0 / 2.5, (2 * np.pi * f0) ** 2], 2 * np.pi * f)
    np.testing.assert_allclose(np.ravel(arm.frequency_response(f, 44_100)), wanted, rtol=2e-3)


def test_a_cartridge_is_tip_and_loaded_coil():
    L, R, C, Rl, f0, Q = 0.5, 700.0, 250e-12, 47e3, 17e3, 1.5
    s = 2j * np.pi * HZ
    coil = (1 + R / Rl) / (1 + (R + s * L) * (1 / Rl + s * C))
    wanted = coil / (1 - (HZ / f0) ** 2 + 1j * HZ / (f0 * Q))
    for rate in (44_100, 96_000):
        heard = Cartridge(17e3, 1.5, 500.0, 700.0, 250.0, 47.0).frequency_response(HZ, rate)[0]
        np.testing.assert_allclose(decibels(heard), decibels(wanted), atol=0.1)


def test_crosstalk_goes_through_its_two_points():
    f = np.array([100.0, 1_000.0, 10_000.0])
    x = np.zeros((2, 44_100), np.float32)
    x[0, 100] = 1.0
    for level, treble in ((-25.0, -12.0), (-30.0, -24.0)):
        y = render(CartridgeCrosstalk(level, treble), x, 44_100)
        np.testing.assert_array_equal(y[0], x[0])
        heard = decibels(np.exp(-2j * np.pi * np.outer(f, np.arange(44_100)) / 44_100) @ y[1])
        np.testing.assert_allclose(heard[1:], (level, treble), atol=0.1)
        assert heard[0] < level
    np.testing.assert_array_equal(render(CartridgeCrosstalk(), x[:1], 44_100), x[:1])


def test_all_have_slopes_that_differences_confirm():
    with jax.enable_x64(True):
        x = jnp.asarray(np.random.default_rng(1).standard_normal((2, 300)))

        def loss(values, kind):
            block = kind(*values)
            y, _ = block(x, block.init_state(2, 44_100), Clock.zero(44_100))
            return jnp.sum(y**2)

        for kind, at in (
            (ArmResonance, (12.0, 20.0, 2.0)),
            (CartridgeCrosstalk, (-25.0, -12.0)),
            (DiscEqualiser, (3.18e-3, 3.18e-4, 7.5e-5)),
            (Cartridge, (16e3, 1.2, 450.0, 600.0, 200.0, 47.0)),
            (TapeLoss, (1.0, 6.0, 3.0)),
        ):
            values = jnp.asarray(at)
            slopes = jax.grad(loss)(values, kind)
            for i, step in enumerate(1e-5 * values):
                up, down = (loss(values.at[i].add(sign * step), kind) for sign in (1, -1))
                np.testing.assert_allclose(slopes[i], (up - down) / (2 * step), rtol=1e-4, atol=1e-6)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="curve is 'EMI'"):
        curve("EMI")
    with pytest.raises(ValueError, match="iec is True"):
        DiscEqualiser(record=True, iec=True)
    with pytest.raises(ValueError, match="two walls"):
        CartridgeCrosstalk().init_state(3, 44_100)
