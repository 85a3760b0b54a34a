"""`analyse_vinyl`: what a recording says of the record and of the player."""

import math
from typing import NamedTuple

from numpy.typing import ArrayLike

from ddspfx.alignment.align import signal
from ddspfx.alignment.checks import is_silent
from ddspfx.analysis.motion import Motion, Series
from ddspfx.analysis.transport import Transport, figures_of
from ddspfx.analysis.vinyl.bandwidth import bandwidth
from ddspfx.analysis.vinyl.clicks import Clicks, find_clicks
from ddspfx.analysis.vinyl.crosstalk import crosstalk
from ddspfx.analysis.vinyl.equalisation import Curve, of_noise
from ddspfx.analysis.vinyl.floor import Floor, noise_floor
from ddspfx.analysis.vinyl.hum import Hum, find_hum
from ddspfx.analysis.vinyl.original import Original, beside
from ddspfx.analysis.vinyl.quiet import pauses
from ddspfx.analysis.vinyl.recurring import recurrence
from ddspfx.analysis.vinyl.tone import band_motion, tone_band
from ddspfx.analysis.vinyl.turning import RPMS, Turning, turning
from ddspfx.analysis.wow_flutter import Reading

KEYS = (
    "revolution_hz", "speed_error_ppm", "wow_percent", "wow_phase_deg", "flutter_percent", "clicks_per_second",
    "click_threshold_db", "hum_hz", "hum_db", "rumble_db", "hiss_db", "hiss_third_octaves_db", "crosstalk_db",
    "bandwidth_hz", "equalisation",
)  # fmt: skip
"""The figures, in order."""
WEIGHTED = (
    "weighted_rms_percent",
    "weighted_peak_percent",
    "weighted_quasi_peak_percent",
    "weighted_two_sigma_percent",
)
"""Those of a flutter meter, where the motion is known."""
_SHORTEST = 0.5  # s


class Levels(NamedTuple):
    """Levels in dB by name, and their deviations by the same names."""

    value: dict[str, float]
    deviation: dict[str, float | None]


Figure = Reading | Curve | Levels | None


class VinylAnalysis(NamedTuple):
    """What was found: the figures by name (None where the recording does not determine one), and what they are from.

    `paused` is how many seconds of pauses there are, `source` says what told the motion. `motion`, `transport` (a
    flutter meter's figures), `floor`, `hum` and `original` are None where there is nothing of the kind.
    """

    figures: dict[str, Figure]
    sample_rate: int
    seconds: float
    paused: float
    source: str | None
    motion: Motion | None
    transport: Transport | None
    clicks: Clicks
    floor: Floor | None
    hum: Hum | None
    original: Original | None


def analyse_vinyl(
    wet: ArrayLike, sample_rate: int, *, dry: ArrayLike | None = None, rpm: float | None = None
) -> VinylAnalysis:
    """Figures of a record from its recording (channels, samples) or (samples,), and from its original where given.

    Without `dry` a band of steady tone tells the motion, the pauses and the lead-in the noise; with it, both are
    told by what the original does not explain. `rpm` is the rate that the record is known to turn at, within 6 %;
    without it 33 1/3, 45, 78.26 and 16 2/3 are tried. The figures, each with a deviation:

    - `revolution_hz`: turns a second; from the motion, else from what recurs in hiss and clicks.
    - `speed_error_ppm`, `wow_percent`, `wow_phase_deg`, `flutter_percent`: see `turning`. The speed is 1 + e + w cos(2π
      f t + φ) + …, t from the file's start; wow is 100 w / (1 + e), the phase φ in degrees.
    - `clicks_per_second`: clicks on either wall whose peak in the file, |click| at its highest with the sound under
      it taken away, reaches `click_threshold_db` (dB of full scale), scratches among them, divided by the seconds
      searched; see `find_clicks`, which chooses the threshold.
    - `hum_hz`, `hum_db`: mains fundamental, and the rms of all its lines.
    - `rumble_db`: the rms from 5 to 200 Hz without lines of hum, less the hiss that goes on there.
    - `hiss_third_octaves_db`: the rms in each third octave from 100 Hz up without clicks and lines of hum; `hiss_db`:
      that of all of them. These four are dB of full scale (a square wave at full scale has 0), the mean power
      of the channels, from the pauses and from all parts of the file that are as quiet.
    - `crosstalk_db`, `bandwidth_hz`, `equalisation`: see `crosstalk`, `bandwidth`, `of_noise`; with `dry` from the
      response. The deviation of `equalisation` is the probability that it is another one.

    Raises ValueError when the sound is shorter than half a second or silent, for a rate that no record has, and, with
    `dry`, as `align` and `track` do.
    """
    x = signal(wet, "wet")
    if x.shape[1] < _SHORTEST * sample_rate:
        raise ValueError(f"wet lasts {x.shape[1] / sample_rate:.3g} s, but must last {_SHORTEST} s: record longer")
    if is_silent(x):
        raise ValueError("wet is silent, but must hold the sound of a record: record it again")
    rpms = RPMS if rpm is None else (_checked(rpm),)
    original = None if dry is None else beside(signal(dry, "dry"), x, sample_rate)
    rest = x if original is None else original.rest
    clicks = find_clicks(rest, sample_rate, everywhere=original is not None or tone_band(x, sample_rate) is not None)
    band = tone_band(clicks.cleaned, sample_rate) if original is None else None
    motion = original.motion if original else band and band_motion(clicks.cleaned, sample_rate, band)
    quiet = pauses(clicks.cleaned, sample_rate)
    hum = find_hum(clicks.cleaned, sample_rate, quiet)
    floor = noise_floor(clicks.cleaned, sample_rate, quiet, hum and hum.frequency)
    turned = turning(motion, rpms) if motion else Turning(None, None, None, None, None)
    revolution = turned.revolution or recurrence(clicks.cleaned, sample_rate, quiet, clicks, rpms)
    figures: dict[str, Figure] = {
        "revolution_hz": revolution,
        "speed_error_ppm": turned.speed_error,
        "wow_percent": turned.wow,
        "wow_phase_deg": turned.phase,
        "flutter_percent": turned.flutter,
        **_of_clicks(clicks, sample_rate),
        **_of_noise(floor, hum),
        "crosstalk_db": (original and original.crosstalk) or crosstalk(clicks.cleaned, sample_rate, quiet, band),
        "bandwidth_hz": (original and original.bandwidth) or bandwidth(clicks.cleaned, sample_rate, quiet),
        "equalisation": original.equalisation if original else _curve(floor),
    }
    seconds = x.shape[1] / sample_rate
    return VinylAnalysis(figures, sample_rate, seconds, float(quiet.sum() / sample_rate), motion and motion.source,
                         motion, motion and figures_of(motion), clicks, floor, hum, original)  # fmt: skip


def _checked(rpm: float) -> float:
    if not 5 <= rpm <= 200:
        raise ValueError(f"rpm is {rpm:g}, but must be 5 to 200: give for example 33.333, 45 or 78")
    return rpm


def _of_clicks(clicks: Clicks, sample_rate: int) -> dict[str, Figure]:
    seconds = float(clicks.searched.sum() / sample_rate)
    if not math.isfinite(clicks.threshold) or seconds == 0 or clicks.threshold <= 0:
        return {"clicks_per_second": None, "click_threshold_db": None}
    count = int(clicks.counted.sum())
    threshold = 20 * math.log10(clicks.threshold)
    return {
        "clicks_per_second": Reading(count / seconds, math.sqrt(max(count, 1)) / seconds),
        "click_threshold_db": Reading(threshold, 8.686 * clicks.error / clicks.threshold),
    }


def _of_noise(floor: Floor | None, hum: Hum | None) -> dict[str, Figure]:
    figures: dict[str, Figure] = {"hum_hz": None, "hum_db": None}
    if hum is not None and hum.power > 0:
        level = Reading(10 * math.log10(hum.power), 4.343 * hum.power_deviation / hum.power)
        figures = {"hum_hz": Reading(hum.frequency, hum.frequency_deviation), "hum_db": level}
    if floor is None:
        return {**figures, "rumble_db": None, "hiss_db": None, "hiss_third_octaves_db": None}
    thirds = Levels(
        {name: each.value for name, each in floor.thirds.items()},
        {name: each.deviation for name, each in floor.thirds.items()},
    )
    return {**figures, "rumble_db": floor.rumble, "hiss_db": floor.hiss, "hiss_third_octaves_db": thirds}


def _curve(floor: Floor | None) -> Curve | None:
    return None if floor is None else of_noise({name: each.value for name, each in floor.thirds.items()})


__all__ = ["KEYS", "WEIGHTED", "Levels", "Series", "VinylAnalysis", "analyse_vinyl"]
