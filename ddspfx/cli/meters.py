"""The work behind `ddspfx analyse`: a file in, figures out."""

from pathlib import Path
from typing import Any

from ddspfx.audio import read_audio
from ddspfx.cli.checks import not_over, pair_of, pilot_of, writable
from ddspfx.cli.emit import emit
from ddspfx.cli.unbroken import load

_ENDS = (".html", ".htm", ".png")


def transport(
    file: Path, tone: float | None, pilot: str | None, dry: Path | None, out: Path | None, json: bool
) -> None:
    """Measures FILE, prints the table or the object, and writes the page or the picture."""
    given = [name for name, value in (("--tone", tone), ("--pilot", pilot), ("--dry", dry)) if value is not None]
    if len(given) > 1:
        raise ValueError(f"{' and '.join(given)} given, but at most one may be: leave out the others")
    if out is not None:
        if out.suffix.lower() not in _ENDS:
            raise ValueError(f"--out is {out}, but must end in .html or .png: change the name")
        not_over(out, file, dry)
        writable(out)
    x, rate = read_audio(file)
    if x.shape[1] < rate // 2:
        raise ValueError(f"{file} lasts {x.shape[1] / rate:.3g} s, but must last half a second: record longer")
    if not x.any():
        raise ValueError(f"{file} is silent, but must hold a test tone, a pilot or a copy of --dry: record it again")
    reference = None if dry is None else pair_of(dry, file).dry.samples
    load("ddspfx.analysis.transport", "scipy.interpolate", "ddspfx.report.transport_page")
    from ddspfx.analysis.transport import analyse_transport
    from ddspfx.report.transport_page import write_transport

    try:
        found = analyse_transport(x, rate, dry=reference, pilot=pilot_of(pilot), tone=tone)
    except ValueError as error:
        raise ValueError(f"{file.name}: {error}") from error
    if out is not None:
        write_transport(found, out, file.name)
    if json:
        emit(_object(found, out), True)
    else:
        _print(found, out)


def _object(found: Any, out: Path | None) -> dict[str, Any]:
    """What --json says."""
    figures = {
        name: None if each is None else {"value": each.value, "deviation": each.deviation}
        for name, each in found.figures.items()
    }
    lines = [
        {
            "frequency_hz": line.frequency,
            "peak_percent": {"value": 100 * line.peak, "deviation": 100 * line.deviation},
            "name": line.name or None,
        }
        for line in found.lines
    ]
    return {**_source(found), **figures, "lines": lines, "page": None if out is None else str(out)}


def _source(found: Any) -> dict[str, Any]:
    times = found.motion.times
    return {"source": found.motion.source, "seconds": float(times[-1] - times[0]), "known_to_hz": found.motion.top}


def _print(found: Any, out: Path | None) -> None:
    """The table for people."""
    from ddspfx.report.transport_words import WORDS, line_row, shown

    about = _source(found)
    print(f"told by the {about['source']}, {about['seconds']:.2f} s, flutter up to {about['known_to_hz']:.0f} Hz")
    rows = [(WORDS[key][0], shown(each), WORDS[key][1], WORDS[key][2]) for key, each in found.figures.items()]
    rows += [
        ("Line", row["peak"], "%", f"peak, at {row['frequency']} Hz" + (f": {row['name']}" if row["name"] else ""))
        for row in map(line_row, found.lines)
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, [*widths, 0], strict=True)).rstrip())
    if out is not None:
        print(f"the page is in {out}" if out.suffix.lower() != ".png" else f"the picture is in {out}")
