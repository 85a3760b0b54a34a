"""`write_transport`: what a flutter meter found, as a page or a picture that works offline."""

from pathlib import Path
from typing import Any

from ddspfx.analysis.transport import Transport
from ddspfx.analysis.wow_flutter import Reading
from ddspfx.report.figure import FULL, NARROW, Draw, png, svg
from ddspfx.report.transport_pictures import all_three, delay_over_time, motion_spectrum, speed_over_time
from ddspfx.storage import write_atomically

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


def write_transport(found: Transport, path: str | Path, name: str) -> Path:
    """Writes PATH: a page (.html) with figures, lines and pictures, or the pictures alone (.png).

    `name` is what was measured. Raises ValueError when PATH ends in anything else, OSError when it cannot be
    written.
    """
    path = Path(path)
    kind = path.suffix.lower()
    if kind == ".png":
        write_atomically(path, png(all_three(found), FULL, 900))
    elif kind in (".html", ".htm"):
        write_atomically(path, _page(found, name).encode())
    else:
        raise ValueError(f"--out is {path}, but must end in .html or .png: change the name")
    return path


def _page(found: Transport, name: str) -> str:
    from jinja2 import Environment

    from ddspfx.report.page import part

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    text: str = environment.from_string(part("transport.html.j2")).render(
        title=name,
        source=found.motion.source,
        seconds=float(found.motion.times[-1] - found.motion.times[0]),
        top=found.motion.top,
        headline=[_row(key, found) for key in HEADLINE],
        rows=[_row(key, found) for key in found.figures],
        lines=[line_row(line) for line in found.lines],
        pictures=pictures_of(found),
        style=part("page.css"),
    )
    return text


HEADLINE = (
    "speed_error_percent",
    "weighted_quasi_peak_percent",
    "weighted_two_sigma_percent",
    "unweighted_rms_percent",
)


def _row(key: str, found: Transport) -> dict[str, str]:
    name, unit, meaning = WORDS[key]
    reading = found.figures[key]
    short = "not known" if reading is None else f"{reading.value:.3g} {unit}"
    return {"name": name, "value": shown(reading), "unit": unit, "meaning": meaning, "short": short}


def line_row(line: Any) -> dict[str, str]:
    """A line of the spectrum in words."""
    return {
        "frequency": f"{line.frequency:.4g}",
        "peak": shown(Reading(100 * line.peak, 100 * line.deviation)),
        "name": line.name,
    }


def pictures_of(found: Transport) -> dict[str, str]:
    """Delay, speed and spectrum as SVG for a wide and for a narrow window."""
    drawn: dict[str, Draw] = {
        "delay": delay_over_time(found.motion),
        "speed": speed_over_time(found.motion),
        "motion": motion_spectrum(found),
    }
    return {
        name: f'<div class="wide">{svg(f"{name}-wide", draw, FULL, 300)}</div>'
        f'<div class="narrow">{svg(f"{name}-narrow", draw, NARROW, 260)}</div>'
        for name, draw in drawn.items()
    }
