"""What the figures of a transport are called, in what unit, and how they are written."""

from ddspfx.analysis.lines import Line
from ddspfx.analysis.wow_flutter import Reading

WORDS = {
    "speed_error_ppm": ("Speed error", "ppm", "against the frequency, or the original, that was recorded"),
    "speed_error_percent": ("Speed error", "%", "the same"),
    "drift_rms_percent": ("Drift, RMS", "%", "below 0.5 Hz"),
    "wow_rms_percent": ("Wow, RMS", "%", "0.5 to 6 Hz"),
    "wow_peak_percent": ("Wow, peak", "%", "0.5 to 6 Hz"),
    "flutter_rms_percent": ("Flutter, RMS", "%", "6 to 100 Hz, or as far as the source tells"),
    "flutter_peak_percent": ("Flutter, peak", "%", "6 to 100 Hz, or as far as the source tells"),
    "scrape_rms_percent": ("Scrape flutter, RMS", "%", "above 100 Hz, as far as the source tells"),
    "scrape_peak_percent": ("Scrape flutter, peak", "%", "above 100 Hz, as far as the source tells"),
    "unweighted_rms_percent": ("Unweighted, RMS", "%", "0.2 to 200 Hz, or as far as the source tells"),
    "unweighted_peak_percent": ("Unweighted, peak", "%", "0.2 to 200 Hz, or as far as the source tells"),
    "unweighted_quasi_peak_percent": ("Unweighted, quasi-peak", "%", "IEC 60386, DIN 45507"),
    "unweighted_two_sigma_percent": ("Unweighted, 2-sigma", "%", "AES6"),
    "weighted_rms_percent": ("Weighted, RMS", "%", "as JIS and NAB count it"),
    "weighted_peak_percent": ("Weighted, peak", "%", "the curve of IEC 60386"),
    "weighted_quasi_peak_percent": ("Weighted, quasi-peak", "%", "IEC 60386, DIN 45507"),
    "weighted_two_sigma_percent": ("Weighted, 2-sigma", "%", "AES6-2008"),
}
"""By figure: what it is called, its unit, and what it means."""


def shown(found: Reading | None) -> str:
    """A value with its deviation, to the digits that mean something."""
    if found is None:
        return "not known"
    text = f"{found.value:.4g}"
    return text if found.deviation is None else f"{text} ± {found.deviation:.2g}"


def line_row(line: Line) -> dict[str, str]:
    """A line of the spectrum in words."""
    return {
        "frequency": f"{line.frequency:.4g}",
        "peak": shown(Reading(100 * line.peak, 100 * line.deviation)),
        "name": line.name,
    }
