"""The fit of a record player: knobs as numbers, the revolution in a delay, noise by its spectra."""

import numpy as np
import pytest

import ddspfx
from ddspfx.alignment.align import Alignment
from ddspfx.blocks.turned import Turned
from ddspfx.fit.click_rates import clicks_counted
from ddspfx.fit.coordinates import coordinates
from ddspfx.fit.takes import Take
from ddspfx.fit.turning import turning
from ddspfx.fit.whittle import heard, likeliest
from ddspfx.render import render
from ddspfx.source.surface_clicks import SurfaceClicks
from ddspfx.source.surface_hiss import SurfaceHiss
from ddspfx.testing import check_block

RATE = 44_100


def test_knobs_that_are_numbers_obey_the_law_and_are_one_coordinate_each() -> None:
    for block in Turned.examples():
        check_block(block)
    both = ddspfx.Serial(
        level=ddspfx.Gain(ddspfx.Control("drive", 0, 10, start=0.0, stop=12.0)),
        makeup=ddspfx.Gain(ddspfx.Control("drive", 0, 10, start=0.0, stop=-6.0)),
    )
    turned = Turned(both, drive=5.0)
    assert [one.name for one in coordinates(turned)] == ["knobs.drive"]
    x = np.ones((1, 64), np.float32)
    np.testing.assert_allclose(render(turned, x, RATE), 10 ** (3 / 20), rtol=1e-5)
    with pytest.raises(ValueError, match="no control is called depth"):
        Turned(both, depth=1.0)
    with pytest.raises(ValueError, match="is a switch"):
        Turned(ddspfx.Gain(ddspfx.Switch("size", {"small": 0.0, "large": 3.0})), size="small")


def test_the_revolution_is_found_in_a_delay() -> None:
    times = np.arange(0, 8, 0.005)
    rate, percent, phases = 33.3333 / 60, np.array([0.3, 0.1]), np.array([0.2, -0.4])
    order = np.arange(1, 3)
    peak = percent / 100 / (2 * np.pi * rate * order)
    delay = 0.002 + 1e-5 * times + np.sin(2 * np.pi * (rate * times[:, None] * order + phases)) @ peak
    found = turning(ddspfx.Trajectory.fit(times, delay, 8.0, RATE), 33.3333, (0.1, 7.9))
    np.testing.assert_allclose(found.percent[:2], percent, rtol=1e-3)
    np.testing.assert_allclose(found.phases[:2], phases, atol=1e-3)
    assert np.all(found.percent[2:] < 1e-3)
    with pytest.raises(ValueError, match="at least one turn"):
        turning(ddspfx.Trajectory.fit(times, delay, 8.0, RATE), 33.3333, (0.0, 1.0))


def test_noise_is_found_by_its_spectra_behind_a_filter() -> None:
    def chain(levels: list[float], level: float, together: float) -> ddspfx.Serial:
        hiss = SurfaceHiss(levels=levels, depth=0.0, correlation=together)
        return ddspfx.Serial(hiss=ddspfx.Add(hiss, level), tone=ddspfx.LowPass(8_000.0))

    truth, start = chain([0.0, 3, -3, 6, 0, -6, -10], -50.0, 0.3), chain([0.0] * 7, -62.0, 0.0)
    x = np.zeros((2, 3 * RATE), np.float32)
    free = [c for c in coordinates(start) if c.path in ("hiss.source.levels", "hiss.level", "hiss.source.correlation")]

    def noise(model: ddspfx.AbstractBlock) -> list[np.ndarray]:
        return [np.asarray(render(model, x, RATE, key=1), float)]

    assert len(heard(start, noise, free)) == 9
    found = likeliest(start, noise, [render(truth, x, RATE, key=2)], free).model
    levels = np.asarray(found.hiss.source.levels.value) - 3.0 * np.array([0, 1, -1, 2, 0, -2, -10 / 3])
    assert np.ptp(levels[2:6]) < 1.5
    assert abs(float(found.hiss.level.value) + 50.0) < 0.3
    assert abs(float(found.hiss.source.correlation.value) - 0.3) < 0.05


def test_clicks_are_counted_measured_and_found_at_their_angle() -> None:
    def chain(rate: float, tail: float, locking: float, phase: float) -> ddspfx.Serial:
        clicks = SurfaceClicks(rate=rate, tail=tail, locking=locking, phase=phase)
        return ddspfx.Serial(hiss=ddspfx.Add(ddspfx.Noise(seed=2), -70.0), dust=ddspfx.Add(clicks, -45.0))

    x = np.zeros((1, 10 * RATE), np.float32)
    wet = render(chain(25.0, 1.5, 0.8, 0.3), x, RATE, key=4)
    still = Alignment(0.0, 0.0, 1, 1.0, 1.0, False, (0.0,), 1.0, (), RATE, x.shape[1])
    heard = Take("silence", x, wet, RATE, still, (0, x.shape[1]))
    found = clicks_counted(chain(60.0, 2.5, 0.0, 0.0), {}, [heard], [heard.inside]).dust.source
    np.testing.assert_allclose(float(found.rate.value), 25.0, rtol=0.25)
    np.testing.assert_allclose(float(found.tail.value), 1.5, rtol=0.4)
    assert float(found.locking.value) > 0.5 and abs(float(found.phase.value) - 0.3) < 0.06
