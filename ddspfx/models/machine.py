"""Tape machines by name: what their figures are, and where each comes from."""

from typing import NamedTuple


class Machine(NamedTuple):
    """The figures of a machine, at its usual speed.

    Lengths of head and tape in µm and mm, speeds in ips, wow and flutter in per cent RMS, levels in dB. Only the
    time constants (`blocks.tape_equaliser.STANDARDS`) are a standard's. Gaps, track widths and distances are the
    usual ones of their kind (quarter-inch two-track, domestic half-track, compact cassette); wow and flutter lie
    where data sheets of the kind lie; spacing, thickness, bump, levels and age are chosen so that the machine sounds
    plausible. None of it is a measurement of one machine: fit a recording for that.
    """

    speed: float
    standard: str
    spacing: float = 1.0
    thickness: float = 6.0
    gap: float = 3.0
    width: float = 2.0
    distance: float = 3.9
    length: float = 4.0
    bump: float = 2.0
    wow: float = 0.05
    flutter: float = 0.05
    azimuth: float = 0.0
    age: float = 10.0
    hiss: float = -80.0
    hum: float = -95.0
    crosstalk: float = -55.0
    printed: float = -58.0
    modulation: float = -50.0


_CASSETTE = Machine(
    1.875,
    "IEC",
    spacing=0.4,
    thickness=3.5,
    gap=1.2,
    width=0.6,
    distance=0.9,
    length=2.0,
    bump=1.0,
    wow=0.08,
    flutter=0.08,
    azimuth=1.0,
    age=20.0,
    hiss=-78.0,
    crosstalk=-45.0,
    printed=-55.0,
    modulation=-45.0,
)

MACHINES = {
    "studio 30 ips": Machine(
        30.0,
        "IEC",
        gap=4.0,
        width=2.75,
        distance=3.5,
        length=6.0,
        bump=2.5,
        wow=0.01,
        flutter=0.02,
        age=0.0,
        hiss=-86.0,
    ),
    "studio 15 ips": Machine(
        15.0,
        "NAB",
        gap=4.0,
        width=2.75,
        distance=3.5,
        length=6.0,
        bump=2.0,
        wow=0.015,
        flutter=0.025,
        age=0.0,
        hiss=-84.0,
    ),
    "domestic 7.5 ips": Machine(7.5, "NAB"),
    "domestic 3.75 ips": Machine(3.75, "NAB", gap=2.0, wow=0.08, flutter=0.07, age=20.0, hiss=-76.0),
    "cassette 1 7/8 ips": _CASSETTE,
    "worn cassette": _CASSETTE._replace(
        wow=0.35, flutter=0.25, azimuth=8.0, age=80.0, hiss=-70.0, crosstalk=-40.0, printed=-50.0, modulation=-40.0
    ),
}
"""By name; the first word says what kind it is, the speed where its switch stands. "worn cassette" is chosen."""

USUAL = "domestic 7.5 ips"

__all__ = ["MACHINES", "USUAL", "Machine"]
