"""All of a record's noise, with values measured on a real one."""

from collections.abc import Mapping
from typing import Any

from ddspfx.signal.groove import RPMS
from ddspfx.slot import AbstractSource, SlotLike
from ddspfx.source.rumble import Rumble
from ddspfx.source.surface_clicks import SurfaceClicks
from ddspfx.source.surface_hiss import SurfaceHiss

MEASURED: dict[str, dict[str, Any]] = {
    "hiss": {
        "level": -43.0,
        "frequencies": [30.0, 100.0, 300.0, 1_000.0, 3_000.0, 10_000.0, 20_000.0],
        "levels": [-2.75, -2.75, 0.0, -1.24, -7.27, -11.59, -12.94],
        "correlation": [0.314, 0.414, 0.769, 0.907, 0.583, 0.0, 0.4],
        "depth": 0.1,
    },
    "clicks": {
        "level": -30.0,
        "rate": 60.0,
        "tail": 1.7,
        "shortest": 6e-5,
        "longest": 5e-4,
        "both": 0.67,
        "locking": 0.4,
    },
    "rumble": {
        "level": -51.6,
        "frequencies": [10.0, 13.5, 25.0, 39.4],
        "qualities": [3.0, 5.0, 3.0, 6.0],
        "levels": [-5.1, 0.0, -5.7, -15.1],
        "lateral": 0.019,
    },
}
"""Of the record in `../shared/data/cc0/vinyl_hiss.flac`, found by `benchmarks.vinyl_noise --fit`.

Measured: spectrum, level and correlation of the hiss; level, tail, walls and locking of the clicks; all of the rumble.
Chosen, since eight seconds do not tell: `depth`, the rate at which the count of small clicks ends (a larger rate with a
lower level makes the same loud ones), and the spread of durations, which pictures of its loudest clicks suggest.
"""


def surface_noise(
    values: Mapping[str, Mapping[str, Any]] = MEASURED, rpm: SlotLike = RPMS[0]
) -> dict[str, tuple[AbstractSource, float]]:
    """Hiss, clicks and rumble of a dictionary like `MEASURED`, each with its level in dB of full scale for an `Add`.

    They belong before the replay curve. A key that is left out of a part plays at its source's default.
    """
    return {name: (_source(name, _slots(part), rpm), float(part["level"])) for name, part in values.items()}


def _source(name: str, slots: dict[str, Any], rpm: SlotLike) -> AbstractSource:
    """Raises ValueError for another name."""
    if name == "rumble":
        return Rumble(**slots)
    if name == "hiss":
        return SurfaceHiss(rpm=rpm, **slots)
    if name == "clicks":
        return SurfaceClicks(rpm=rpm, **slots)
    raise ValueError(f"values has {name!r}, but must have hiss, clicks and rumble")


def _slots(part: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(v) if isinstance(v, list) else v for key, v in part.items() if key != "level"}


__all__ = ["MEASURED", "surface_noise"]
