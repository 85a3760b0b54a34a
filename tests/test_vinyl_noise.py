"""Sources of a record: its time base, hiss, rumble, clicks and scratches, each against what it claims."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

from ddspfx.clock import Clock
from ddspfx.source.revolution import Revolution
from ddspfx.source.rumble import MotorHum, Rumble
from ddspfx.source.scratches import Scratches
from ddspfx.source.surface_clicks import SurfaceClicks
from ddspfx.source.surface_hiss import SurfaceHiss

RATE = 44_100
TEN_HOURS = 36_000
SOURCES = {
    "revolution": Revolution(0.3, 0.1, eighth=0.05, phases=0.2, rpm=45.0),
    "clicks": SurfaceClicks(200.0, longest=1e-3),
    "scratches": Scratches(40, 2.0, slant=0.2, rpm=78.26),
    "hiss": SurfaceHiss(levels=((0.0,) * 7, (0.0, -3.0, 0.0, 2.0, 0.0, -5.0, 0.0)), taps=64, depth=0.5),
    "rumble": Rumble(),
    "hum": MotorHum(50.0, (0.0, -6.0)),
}


@eqx.filter_jit
def take(source, count, clock, channels=2):
    return source.read(channels, count, clock)


def clock_at(second, sample=0, rate=RATE, key=0):
    clock = Clock.zero(rate, key).after(sample)
    return eqx.tree_at(lambda c: c.second, clock, clock.second + jnp.int32(second))


@pytest.mark.parametrize("name", SOURCES)
def test_the_same_wherever_a_block_begins(name):
    source = SOURCES[name]
    for second in (-1, TEN_HOURS - 1):
        clock = clock_at(second, RATE - 3_000)
        whole = np.asarray(take(source, 6_000, clock))
        assert np.isfinite(whole).all() and np.abs(whole).max() > 0
        scale = max(1.0, float(np.abs(whole).max()))
        for start in (1, 2_950, 2_999, 3_001, 5_263):
            part = np.asarray(take(source, 100, clock.after(start)))
            np.testing.assert_allclose(part, whole[..., start : start + 100], atol=1e-6 * scale)
