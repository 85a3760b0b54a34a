"""`write_transport`: what a flutter meter found, as a page or a picture that works offline."""

from pathlib import Path

from ddspfx.analysis.transport import Transport
from ddspfx.report.figure import FULL, NARROW, Draw, png, svg
from ddspfx.report.transport_pictures import all_three, delay_over_time, motion_spectrum, speed_over_time
from ddspfx.report.transport_words import WORDS, line_row, shown
from ddspfx.storage import write_atomically


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
