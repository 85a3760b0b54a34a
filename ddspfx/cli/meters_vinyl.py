"""The work behind `ddspfx analyse vinyl`: recordings in, figures out."""

import math
from pathlib import Path
from typing import Any

from ddspfx.audio import read_audio
from ddspfx.cli.checks import not_over, pair_of, writable
from ddspfx.cli.emit import emit
from ddspfx.cli.unbroken import load

_ENDS = (".html", ".htm", ".png")


def vinyl(files: list[Path], dry: Path | None, rpm: str, out: Path | None, json: bool) -> None:
    """Measures each FILE, prints the tables or the object, and writes the page or the picture."""
    rate = _rpm(rpm)
    if len(files) > 1 and (dry is not None or out is not None):
        name = "--dry" if dry is not None else "--out"
        raise ValueError(f"{name} belongs to one FILE, but {len(files)} are given: give one")
    if out is not None:
        if out.suffix.lower() not in _ENDS:
            raise ValueError(f"--out is {out}, but must end in .html or .png: change the name")
        not_over(out, files[0], dry)
        writable(out)
    found = [(file, _measured(file, dry, rate)) for file in files]
    if out is not None:
        load("ddspfx.report.vinyl_page")
        from ddspfx.report.vinyl_page import write_vinyl

        write_vinyl(found[0][1], out, files[0].name)
    if json:
        objects = [_object(file, each, out) for file, each in found]
        emit(objects[0] if len(objects) == 1 else {"files": objects}, True)
        return
    for file, each in found:
        _print(file, each)
    if out is not None:
        print(f"the page is in {out}" if out.suffix.lower() != ".png" else f"the picture is in {out}")


def _rpm(given: str) -> float | None:
    """None for auto. Raises ValueError for what is no number of revolutions."""
    if given.strip().lower() == "auto":
        return None
    try:
        rate = float(given)
    except ValueError:
        rate = math.nan
    if not 5 <= rate <= 200:
        raise ValueError(f"--rpm is {given!r}, but must be auto or a number from 5 to 200: give for example 45")
    return rate


def _measured(file: Path, dry: Path | None, rpm: float | None) -> Any:
    x, rate = read_audio(file)
    if x.shape[1] < rate // 2:
        raise ValueError(f"{file} lasts {x.shape[1] / rate:.3g} s, but must last half a second: record longer")
    if not x.any():
        raise ValueError(f"{file} is silent, but must hold the sound of a record: record it again")
    reference = None if dry is None else pair_of(dry, file).dry.samples
    load("ddspfx.analysis.vinyl.analyse", "scipy.interpolate")
    from ddspfx.analysis.vinyl.analyse import analyse_vinyl

    try:
        return analyse_vinyl(x, rate, dry=reference, rpm=rpm)
    except ValueError as error:
        raise ValueError(f"{file.name}: {error}") from error


def _object(file: Path, found: Any, out: Path | None) -> dict[str, Any]:
    """What --json says: the figures, weighted ones after them, and what they are from."""
    figures = {name: _plain(each) for name, each in found.figures.items()}
    about = {"file": file.name, "seconds": found.seconds, "pauses_s": found.paused, "source": found.source}
    beside = {} if found.original is None else {"original": _beside(found.original)}
    return {**figures, **found_weighted(found), **about, **beside, "page": None if out is None else str(out)}


def found_weighted(found: Any) -> dict[str, Any]:
    """The weighted figures of a flutter meter, null without a motion."""
    from ddspfx.analysis.vinyl.analyse import WEIGHTED

    known = {} if found.transport is None else found.transport.figures
    return {name: _plain(known.get(name)) for name in WEIGHTED}


def _plain(each: Any) -> dict[str, Any] | None:
    return None if each is None else {"value": each.value, "deviation": each.deviation}


def _beside(found: Any) -> dict[str, Any]:
    """What the original tells beyond the figures."""
    shown = found.responses
    return {
        "start_s": found.start,
        "confidence": found.confidence,
        "level": {"seconds": shown.times, "db": shown.level},
        "response": {"hz": shown.frequency, "seconds": shown.times, "db": shown.response},
        "distortion": found.distortion._asdict(),
        "residual_spectrum": dict(zip(("hz", "wet", "rest"), found.spectrum, strict=True)),
    }


def _print(file: Path, found: Any) -> None:
    """The table for people."""
    from ddspfx.report.vinyl_words import rows

    told = f"motion told by the {found.source}" if found.source else "no tone and no original tells the motion"
    print(f"{file.name}: {found.seconds:.2f} s, {found.paused:.2f} s of pauses, {told}")
    table = [(row["name"], row["value"], row["unit"], row["meaning"]) for row in rows(found)]
    widths = [max(len(row[column]) for row in table) for column in range(3)]
    for line in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, [*widths, 0], strict=True)).rstrip())
