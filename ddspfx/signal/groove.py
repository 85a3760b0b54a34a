"""Sizes of discs, the speed of their grooves, and the velocity to which full scale is cut."""

import math
from typing import NamedTuple, TypeVar

import jax

Number = TypeVar("Number", float, jax.Array)

RPMS = (33 + 1 / 3, 45.0, 78.26)
"""Turns a minute; 78.26 is what a motor on 60 Hz mains gives (77.92 on 50 Hz)."""
REFERENCE_DBFS = -12.0
"""Level, peak, at which a 1 kHz tone is cut with 5 cm/s, peak, in each wall."""
REFERENCE = 5.0 * 10 ** (-REFERENCE_DBFS / 20)
"""cm/s that a value of one stands for: 19.9."""


class Disc(NamedTuple):
    """Radii in mm of the first and the last recorded groove."""

    outer: float
    inner: float


DISCS = {"12": Disc(146.3, 60.3), "10": Disc(120.6, 60.3), "7": Disc(84.1, 54.0)}
"""By diameter in inches. Source: IEC 60098 (1987), "Analogue audio disk records and reproducing equipment"."""


def groove_speed(radius: Number, rpm: Number) -> Number:
    """V = 2 pi R rpm / 60 in m/s, the radius R in mm."""
    return radius * rpm * (2e-3 * math.pi / 60)


__all__ = ["DISCS", "REFERENCE", "REFERENCE_DBFS", "RPMS", "Disc", "groove_speed"]
