"""`write_vinyl`: what was found of a record, as a page or a picture that works offline."""

from pathlib import Path

from ddspfx.analysis.vinyl.analyse import VinylAnalysis
from ddspfx.report.figure import FULL, NARROW, png, svg
from ddspfx.report.vinyl_pictures import all_in_one, pictures
from ddspfx.report.vinyl_words import WORDS, rows, written
from ddspfx.storage import write_atomically

HEADLINE = ("revolution_hz", "wow_percent", "clicks_per_second", "hiss_db")


def write_vinyl(found: VinylAnalysis, path: str | Path, name: str) -> Path:
    """Writes PATH: a page (.html) with figures and pictures, or the pictures alone (.png).

    `name` is what was measured. Raises ValueError when PATH ends in anything else, OSError when it cannot be
    written.
    """
    path = Path(path)
    kind = path.suffix.lower()
    if kind == ".png":
        write_atomically(path, png(all_in_one(found), FULL, 300 * max(len(pictures(found)), 1)))
    elif kind in (".html", ".htm"):
        write_atomically(path, _page(found, name).encode())
    else:
        raise ValueError(f"--out is {path}, but must end in .html or .png: change the name")
    return path


def _page(found: VinylAnalysis, name: str) -> str:
    from jinja2 import Environment

    from ddspfx.report.page import part

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    text: str = environment.from_string(part("vinyl.html.j2")).render(
        title=name,
        seconds=found.seconds,
        paused=found.paused,
        source=found.source,
        headline=[_headline(key, found) for key in HEADLINE],
        rows=rows(found),
        pictures=_drawn(found),
        style=part("page.css"),
    )
    return text


def _headline(key: str, found: VinylAnalysis) -> dict[str, str]:
    name, unit, _ = WORDS[key]
    figure = found.figures[key]
    return {"name": name, "short": "not known" if figure is None else f"{written(figure).split(' ± ')[0]} {unit}"}


def _drawn(found: VinylAnalysis) -> list[dict[str, str]]:
    """Each picture as SVG for a wide and for a narrow window, with its caption."""
    return [
        {
            "svg": f'<div class="wide">{svg(f"{name}-wide", draw, FULL, 300)}</div>'
            f'<div class="narrow">{svg(f"{name}-narrow", draw, NARROW, 260)}</div>',
            "caption": caption,
        }
        for name, (draw, caption) in pictures(found).items()
    ]
