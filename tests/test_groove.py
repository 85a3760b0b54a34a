"""The groove's speed and place."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ddspfx import Clock, GrooveSpeed, SidePosition
from ddspfx.signal.groove import REFERENCE


def test_a_groove_runs_at_the_speed_of_its_radius():
    for disc, rpm, place, radius in (("12", 100 / 3, 0.0, 146.3), ("12", 100 / 3, 1.0, 60.3), ("7", 45.0, 0.5, 69.05)):
        speed = GrooveSpeed(rpm, place, 20.0, disc).read(2, 10, Clock.zero(44_100))
        np.testing.assert_allclose(speed, 2 * np.pi * radius * 1e-3 * rpm / 60 * np.ones((1, 10)), rtol=1e-5)


def test_the_side_goes_on_with_time_and_ends():
    place = SidePosition(0.25, 20.0)
    after = lambda s: float(place.read(1, 1, Clock.zero(48_000).after(48_000 * s))[0, 0])  # noqa: E731
    assert after(0) == pytest.approx(0.25)
    assert after(600) == pytest.approx(0.75, abs=1e-6)
    assert after(6_000) == 1.0
    assert after(-6_000) == 0.0


def test_speed_has_a_slope_in_place_and_turns():
    value = lambda p, r: GrooveSpeed(r, p).read(1, 1, Clock.zero(44_100))[0, 0]  # noqa: E731
    by_place, by_turns = jax.grad(value, (0, 1))(jnp.asarray(0.5), jnp.asarray(33.3))
    assert float(by_place) == pytest.approx(-86.0e-3 * 33.3 * 2 * np.pi / 60, rel=1e-4)
    assert float(by_turns) == pytest.approx(0.1033 * 2 * np.pi / 60, rel=1e-4)


def test_what_no_record_has_is_refused():
    with pytest.raises(ValueError, match="disc is '11'"):
        GrooveSpeed(disc="11")
    with pytest.raises(ValueError, match="span of SidePosition"):
        GrooveSpeed(rpm=SidePosition())


def test_full_scale_lies_twelve_decibels_over_the_reference():
    assert pytest.approx(19.905, rel=1e-4) == REFERENCE
