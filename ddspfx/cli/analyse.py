"""`ddspfx analyse`: meters. Each command measures one thing and says how sure it is."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ddspfx.cli.cache import begin
from ddspfx.cli.unbroken import load

_TRANSPORT = "\b\nExamples:\n" + "\n".join(
    f"  ddspfx analyse transport {words}"
    for words in ("tone3150.wav", "tone.wav --tone 1000 --out tone.html", "tape.wav --pilot R --json",
                  "wet.wav --dry dry.wav --out page.html")
)  # fmt: skip

_VINYL = "\b\nExamples:\n" + "\n".join(
    f"  ddspfx analyse vinyl {words}"
    for words in ("side.wav", "side.wav --dry original.wav --out side.html", "a.wav b.wav --rpm 45 --json")
)  # fmt: skip

analyse = typer.Typer(rich_markup_mode=None, context_settings={"help_option_names": ["-h", "--help"]})


@analyse.callback(epilog="\b\nExamples:\n  ddspfx analyse transport tone3150.wav")
def _analyse() -> None:
    """Measure a device from a recording: a transport by its tone, pilot or original; a record by all it has."""


def _maybe(help: str) -> Any:
    return typer.Option(help=help, show_default=False)


@analyse.command(epilog=_TRANSPORT)
def transport(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The recording.", show_default=False)],
    tone: Annotated[float | None, _maybe("Hz that a test tone had when it was recorded; found by itself else.")] = None,
    pilot: Annotated[str | None, _maybe("Channel of a pilot: 0 or L, 1 or R.")] = None,
    dry: Annotated[Path | None, _maybe("The original that was recorded.")] = None,
    out: Annotated[Path | None, _maybe("Page (.html) or picture (.png) to write.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output, for machines.")] = False,
) -> None:
    """Measure speed error, drift, wow, flutter and scrape of FILE.

    Unweighted and weighted, RMS and peak, and as IEC 60386, DIN 45507 and AES6 have it; steady lines by frequency.
    Every figure in --json is {"value", "deviation"}, or null where FILE cannot tell it.
    """
    begin()
    load("ddspfx.cli.meters")
    from ddspfx.cli.meters import transport as measure

    measure(file, tone, pilot, dry, out, json)


@analyse.command(epilog=_VINYL)
def vinyl(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Recordings of records.", show_default=False)],
    dry: Annotated[Path | None, _maybe("The digital original of the one FILE.")] = None,
    rpm: Annotated[str, typer.Option(help="Revolutions a minute, if they are known: auto, 33.333, 45, 78.")] = "auto",
    out: Annotated[Path | None, _maybe("Page (.html) or picture (.png) to write, of one FILE.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output, for machines.")] = False,
) -> None:
    """Measure revolution, wow, flutter, clicks, hum, rumble, hiss, crosstalk and bandwidth of each FILE.

    A band of test tone, or --dry, tells the motion; pauses and the lead-in tell the noise. Every figure in --json is
    {"value", "deviation"}, or null where FILE does not determine it; of several FILEs it is {"files": [...]}.
    """
    begin()
    load("ddspfx.cli.meters_vinyl")
    from ddspfx.cli.meters_vinyl import vinyl as measure

    measure(files, dry, rpm, out, json)
