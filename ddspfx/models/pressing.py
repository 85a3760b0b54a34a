"""Records and their players by name: what their figures are, and what each year brought."""

from typing import NamedTuple

from ddspfx.blocks.disc_equaliser import curve


class Pressing(NamedTuple):
    """The figures of a record on its player.

    `rpm` and `stylus` name positions of their switches, `disc` is the diameter in inches and `minutes` the length of
    a side. Wow in per cent (peak, of the revolution), warp in mm peak to peak, flutter and drift in per cent RMS;
    wear, dust and scratch in per cent of their knobs, levels in dB of full scale in the groove. `horizontal` and
    `vertical` are tracking errors in degrees, `crosstalk` and `treble` dB at 1 and 10 kHz, `tip` in kHz, `mass` (g) and
    `compliance` (µm/mN) those of arm and stylus, `generator` the drive in dB of the curve of magnet and coils. Wow,
    flutter, crosstalk and harmonics of what plays LPs lie within the eight turntables of Canonico (2026), "Groove
    Scope Measurements" (`python -m benchmarks.vinyl_player`); spectra of hiss and rumble and the tail of the clicks
    are those of a real record (`benchmarks.vinyl_noise`); the rest is chosen. None is a measurement of one record:
    fit a recording for that.
    """

    rpm: str = "33"
    disc: str = "12"
    minutes: float = 20.0
    year: float = 1975.0
    stylus: str = "elliptical 8 µm"
    wow: float = 0.2
    warp: float = 0.5
    flutter: float = 0.04
    drift: float = 0.02
    wear: float = 15.0
    dust: float = 15.0
    scratch: float = 0.0
    hiss: float = -66.0
    rumble: float = -66.0
    hum: float = -95.0
    horizontal: float = 1.5
    vertical: float = 6.0
    crosstalk: float = -28.0
    treble: float = -15.0
    tip: float = 18.0
    mass: float = 12.0
    compliance: float = 20.0
    generator: float = -6.0


PRESSINGS = {
    "stereo LP": Pressing(),
    "audiophile LP": Pressing(
        year=1990.0, wow=0.185, warp=0.2, flutter=0.038, wear=0.0, dust=5.0, hiss=-70.0, rumble=-72.0, hum=-105.0,
        horizontal=0.8, vertical=5.0, crosstalk=-32.0, treble=-20.0, tip=24.0,
    ),
    "first stereo LP": Pressing(
        year=1960.0, stylus="spherical 15 µm", wow=0.23, flutter=0.045, wear=30.0, dust=25.0, hiss=-64.0, rumble=-56.0,
        hum=-85.0, vertical=9.0, crosstalk=-22.0, treble=-12.0, tip=14.0, compliance=12.0,
    ),
    "mono LP": Pressing(
        year=1952.0, stylus="spherical 18 µm", wow=0.25, flutter=0.046, wear=40.0, dust=35.0, hiss=-60.0, rumble=-52.0,
        hum=-80.0, crosstalk=-20.0, treble=-12.0, tip=12.0, mass=20.0, compliance=8.0,
    ),
    "45 single": Pressing(
        rpm="45", disc="7", minutes=4.0, year=1968.0, stylus="spherical 15 µm", wow=0.24, warp=0.8, flutter=0.045,
        wear=35.0, dust=35.0, scratch=15.0, hiss=-63.0, rumble=-56.0, hum=-85.0, crosstalk=-23.0, treble=-12.0,
    ),
    "worn single": Pressing(
        rpm="45", disc="7", minutes=4.0, year=1965.0, stylus="spherical 18 µm", wow=0.5, warp=2.0, flutter=0.12,
        wear=95.0, dust=75.0, scratch=60.0, hiss=-56.0, rumble=-50.0, hum=-75.0, crosstalk=-19.0, treble=-10.0,
        tip=12.0,
    ),
    "78": Pressing(
        rpm="78", disc="10", minutes=3.2, year=1935.0, stylus="coarse 65 µm", wow=0.25, warp=0.5, flutter=0.05,
        wear=60.0, dust=60.0, scratch=10.0, hiss=-62.0, rumble=-50.0, hum=-75.0, crosstalk=-20.0, treble=-12.0,
        tip=8.0, mass=30.0, compliance=3.0,
    ),
}  # fmt: skip
"""By name, the usual one first."""
USUAL = next(iter(PRESSINGS))

FIRST_YEAR, LAST_YEAR, YEARS = 1925, 1990, 5
"""What the knob spans, and the years from one point of its maps to the next."""
ERAS = {
    "band": {1925: 5_000.0, 1935: 7_000.0, 1948: 10_000.0, 1955: 15_000.0, 1975: 18_000.0, 1990: 20_000.0},
    "bass": {1925: 100.0, 1935: 60.0, 1948: 30.0, 1965: 20.0, 1990: 10.0},
    "low": {1925: curve("78")[0], 1945: curve("78")[0], 1950: curve("Columbia")[0], 1955: curve("RIAA")[0]},
    "turnover": {1925: curve("78")[1], 1945: curve("FFRR 78")[1], 1950: curve("Columbia")[1], 1955: curve("RIAA")[1]},
    "treble": {1940: curve("78")[2], 1945: curve("FFRR 78")[2], 1950: curve("Columbia")[2], 1955: curve("RIAA")[2]},
    "stereo": {1955: 0.0, 1960: 1.0},
    "grain": {1925: -38.0, 1945: -42.0, 1950: -62.0, 1955: -75.0, 1970: -90.0, 1990: -120.0},
    "rim": {1925: 12.0, 1945: 10.0, 1955: 6.0, 1990: 3.0},
    "centre": {1925: 18.0, 1945: 16.0, 1955: 12.0, 1990: 6.0},
}
"""What each year brought: bandwidth (Hz) and lowest bass (Hz) of the cut, the curve's three time constants (s), how
wide the cut may be, the material's own grain (dB of full scale in the groove; shellac's filler until vinyl), and what
wear adds to hiss at rim and centre (dB). The curves are the standards'; the rest is chosen after the usual accounts
(Read and Welch, 1976, "From Tin Foil to Stereo"; Copeland, 2008, "Manual of analogue sound restoration techniques")."""

__all__ = ["ERAS", "FIRST_YEAR", "LAST_YEAR", "PRESSINGS", "USUAL", "YEARS", "Pressing"]
