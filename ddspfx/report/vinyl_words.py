"""What the figures of a record are called, in what unit, and how they are written."""

from ddspfx.analysis.vinyl.analyse import WEIGHTED, Figure, Levels, VinylAnalysis
from ddspfx.analysis.vinyl.equalisation import Curve
from ddspfx.report.transport_words import WORDS as OF_TRANSPORT
from ddspfx.report.transport_words import shown

WORDS = {
    "revolution_hz": ("Revolution", "Hz", "turns a second"),
    "speed_error_ppm": ("Speed error", "ppm", "against the tone, or the original, that was recorded"),
    "wow_percent": ("Wow", "%", "peak speed deviation of the revolution's fundamental"),
    "wow_phase_deg": ("Wow, phase", "°", "at the file's start; 0 is where the speed is highest"),
    "flutter_percent": ("Flutter, RMS", "%", "unweighted, 6 to 100 Hz or as far as the source tells"),
    "clicks_per_second": ("Clicks", "1/s", "as high as the threshold and higher"),
    "click_threshold_db": ("Click threshold", "dB", "peak in the file"),
    "hum_hz": ("Hum", "Hz", "the mains' fundamental"),
    "hum_db": ("Hum, RMS", "dB", "all its lines together"),
    "rumble_db": ("Rumble, RMS", "dB", "5 to 200 Hz without hum"),
    "hiss_db": ("Hiss, RMS", "dB", "from 100 Hz up, without clicks and hum"),
    "hiss_third_octaves_db": ("Hiss, third octave", "dB", ""),
    "crosstalk_db": ("Crosstalk", "dB", "mean of both ways, near 1 kHz or at the tone"),
    "bandwidth_hz": ("Bandwidth", "Hz", "where sound or hiss breaks off"),
    "equalisation": ("Equalisation", "", "probable curve; the deviation is the probability of another"),
}
"""By figure: what it is called, its unit, and what it means."""


def written(figure: Figure) -> str:
    """A figure with its deviation, or that it is not known."""
    if isinstance(figure, Curve):
        return f"{figure.value} ± {figure.deviation:.2g}"
    if isinstance(figure, Levels):
        return f"{len(figure.value)} bands"
    return shown(figure)


def rows(found: VinylAnalysis) -> list[dict[str, str]]:
    """The table: every figure, the third octaves one by one, then the weighted figures of a flutter meter."""
    table = []
    for key, figure in found.figures.items():
        name, unit, meaning = WORDS[key]
        if isinstance(figure, Levels):
            for band, level in figure.value.items():
                doubt = figure.deviation[band]
                value = f"{level:.1f}" + ("" if doubt is None else f" ± {doubt:.1f}")
                table.append({"name": name, "value": value, "unit": unit, "meaning": f"{band} Hz"})
        else:
            table.append({"name": name, "value": written(figure), "unit": unit, "meaning": meaning})
    if found.transport is not None:
        for key in WEIGHTED:
            name, unit, meaning = OF_TRANSPORT[key]
            value = shown(found.transport.figures[key])
            table.append({"name": name, "value": value, "unit": unit, "meaning": meaning})
    return table
