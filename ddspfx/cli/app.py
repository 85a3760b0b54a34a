"""The commands: their arguments, their help with examples, and the one function behind each."""

from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import typer

from ddspfx.cli.analyse import analyse
from ddspfx.cli.bench import EPILOG, bench
from ddspfx.cli.cache import begin
from ddspfx.cli.emit import emit
from ddspfx.cli.profiling import table
from ddspfx.cli.unbroken import load
from ddspfx.fit.profile import Profile

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _place(name: str, help: str) -> Any:
    return typer.Argument(metavar=name, help=help, show_default=False)


def _maybe(help: str) -> Any:
    """An option that may be left out."""
    return typer.Option(help=help, show_default=False)


def _work() -> ModuleType:
    """The work behind the commands, with NumPy and what reads files: not needed for help."""
    begin()
    load("ddspfx.cli.work")
    from ddspfx.cli import work

    return work


def _begun(context: typer.Context, asked: bool) -> Profile | None:
    """A profile that runs since the command began, where one is asked for."""
    return Profile(context.find_root().obj) if asked else None


def _timed(figures: dict[str, Any]) -> None:
    """The table of `--profile`, where it was asked for."""
    if "profile" in figures:
        print(table(figures["profile"]))


def _examples(*lines: str) -> str:
    return "\b\nExamples:\n" + "\n".join(f"  ddspfx {line}" for line in lines)


Dry = Annotated[Path, _place("DRY", "What went into the device: WAV, FLAC, AIFF or OGG, mono or stereo.")]
Wet = Annotated[Path, _place("WET", "What came out of it, at the same rate.")]
Transport = Annotated[str, typer.Option(help="What moves time: tape, or vinyl (starts anywhere, drifts, skips).")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on standard output, for machines.")]
Timed = Annotated[
    bool, typer.Option("--profile", help="Say where the time went, and write it into the folder as profile.json.")
]
Minutes = Annotated[float | None, _maybe("Time to plan for on two ordinary cores.")]


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"ddspfx {version('ddspfx')}")
        raise typer.Exit


@app.callback(epilog=_examples("demo", "fit dry.wav wet.wav --out run", "render run guitar.wav taped.wav", "models"))
def _ddspfx(
    version: Annotated[
        bool, typer.Option("--version", help="Say the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Model a tape machine, a record player or an effect from a recording of it: dry in, wet out.

    Errors are one line on standard error with exit code 2; with --traceback anywhere, or DDSPFX_TRACEBACK=1, they
    come with the place in the program. Compiled programs and alignments are kept between runs in the user's cache
    folder; DDSPFX_CACHE=0 keeps nothing, DDSPFX_CACHE=FOLDER keeps them there.
    """


@app.command(
    epilog=_examples(
        "align dry.wav wet.wav", "align dry.wav wet.wav --json", "align dry.wav side.wav --transport vinyl"
    )
)
def align(dry: Dry, wet: Wet, transport: Transport = "tape", json: AsJson = False) -> None:
    """Find where WET lies against DRY.

    Latency, drift, polarity, gain, speed, channel order, and how sure that is.
    """
    emit(_work().align(dry, wet, transport), json)


@app.command(
    epilog=_examples("track dry.wav wet.wav", "track dry.wav wet.wav --out delay.csv", "track in.wav out.wav --pilot R")
)
def track(
    dry: Dry,
    wet: Wet,
    out: Annotated[Path | None, _maybe("CSV for the delay: seconds,delay_seconds.")] = None,
    pilot: Annotated[str | None, _maybe("Channel of a pilot in both files: 0 or L, 1 or R.")] = None,
    transport: Transport = "tape",
    json: AsJson = False,
) -> None:
    """Follow the delay of WET against DRY as it wanders."""
    emit(_work().track(dry, wet, out, pilot, transport), json)


@app.command(
    epilog=_examples(
        "fit dry.wav wet.wav --out run",
        "fit dry.wav wet.wav --model tape-gru --out run --minutes 20",
        "fit --pairs pairs.csv --out run --config fit.toml",
        "fit dry.wav wet.wav --out run --resume",
    )
)
def fit(
    context: typer.Context,
    out: Annotated[Path, _maybe("Folder for the run.")],
    dry: Annotated[Path | None, _place("DRY", "What went into the device.")] = None,
    wet: Annotated[Path | None, _place("WET", "What came out of it.")] = None,
    pairs: Annotated[Path | None, _maybe("CSV of many pairs: dry,wet[,control...].")] = None,
    model: Annotated[str, typer.Option(help="A name from `ddspfx models`, or auto: the best of several.")] = "auto",
    minutes: Minutes = None,
    config: Annotated[Path | None, _maybe("TOML with settings: passes = 100.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where a fit in this folder was stopped.")] = False,
    profile: Timed = False,
    json: AsJson = False,
) -> None:
    """Fit a model to DRY and WET, or to many pairs.

    Aligns, tracks, fits, and says what it found. Settings given in --config win over the plan made from --minutes
    (5 when left out). What it writes into --out, `render`, `score --run` and `report` read.
    """
    figures = _work().fit(dry, wet, pairs, model, out, minutes, config, resume, _begun(context, profile))
    if json:
        return emit(figures, True)
    for sentence in figures["findings"]:
        print(sentence)
    _timed(figures)
    print(f"The run is in {out}: `ddspfx report {out}` makes its page, `ddspfx render {out} IN OUT` plays through it.")


@app.command(
    epilog=_examples(
        "render run in.wav out.wav",
        "render tape in.flac out.wav --control drive=12 --control wow=wow.csv",
        "render tape in.flac out.wav --preset 'worn cassette'",
        "render vinyl in.flac out.wav --control year=1962",
        "render run in.wav out.wav --block-size 512 --seed 7",
    )
)
def render(
    model: Annotated[str, _place("MODEL", "Run folder, saved model, or name.")],
    source: Annotated[Path, _place("IN", "File to play through it, of any length.")],
    out: Annotated[Path, _place("OUT", "WAV (32-bit float) or FLAC (24 bit) to write.")],
    control: Annotated[
        list[str] | None,
        _maybe("name=value or name=automation.csv (seconds,value); may be repeated."),
    ] = None,
    preset: Annotated[str | None, _maybe("One of a named model's: tape has machines, vinyl records.")] = None,
    block_size: Annotated[int, typer.Option(help="Samples at a time.")] = 65_536,
    seed: Annotated[int, typer.Option(help="Of hiss, wow and all that is random: another seed, another take.")] = 0,
    json: AsJson = False,
) -> None:
    """Play IN through MODEL into OUT.

    OUT is as long as IN, the latency removed; memory is constant however long it is.
    """
    emit(_work().render(model, source, out, control or (), block_size, seed, preset), json)


@app.command(
    epilog=_examples(
        "score prediction.wav target.wav --json",
        "score --run run dry.wav wet.wav --track --save prediction.wav",
    )
)
def score(
    prediction: Annotated[Path, _place("PREDICTION", "A rendering; with --run: DRY.")],
    target: Annotated[Path, _place("TARGET", "What it should be; with --run: WET.")],
    run: Annotated[Path | None, _maybe("Render with this run, then compare.")] = None,
    track: Annotated[bool, typer.Option("--track", help="With --run: follow the delay on this pair first.")] = False,
    save: Annotated[Path | None, _maybe("With --run: keep the rendering here.")] = None,
    json: AsJson = False,
) -> None:
    """Compare PREDICTION with TARGET, or a run with WET.

    Figures: ESR (global, mean of files), mean absolute error, multi-resolution STFT distance, lag, noise, and the
    seconds that were compared.
    """
    if run is None and (track or save is not None):
        raise typer.BadParameter(f"{'--track' if track else '--save'} belongs to --run RUN, which is missing")
    figures = (
        _work().score(prediction, target) if run is None else _work().score_run(run, prediction, target, track, save)
    )
    emit(figures, json)


@app.command(
    epilog=_examples(
        "restore transfer.wav steady.wav --tone 3150",
        "restore transfer.wav steady.wav --dry original.wav",
        "restore transfer.wav steady.wav --pilot R",
    )
)
def restore(
    wet: Annotated[Path, _place("WET", "The transfer.")],
    out: Annotated[Path, _place("OUT", "The restored file to write.")],
    dry: Annotated[Path | None, _maybe("The original that was recorded.")] = None,
    pilot: Annotated[str | None, _maybe("Channel of a pilot: 0 or L, 1 or R.")] = None,
    tone: Annotated[float | None, _maybe("Frequency in Hz of a tone in the sound.")] = None,
    json: AsJson = False,
) -> None:
    """Take wow and flutter out of a transfer."""
    emit(_work().restore(wet, out, dry, pilot, tone), json)


@app.command(epilog=_examples("report run"))
def report(
    run: Annotated[Path, _place("RUN", "A folder that `ddspfx fit` made.")],
    json: AsJson = False,
) -> None:
    """Write the page of a run.

    Players, curves and figures in one file that works offline.
    """
    emit(_work().report(run), json)


@app.command(epilog=_examples("models", "models tape", "models run"))
def models(
    model: Annotated[str | None, _place("MODEL", "Name or run folder.")] = None,
    json: AsJson = False,
) -> None:
    """List the models, or the controls and slots of one."""
    emit(_work().models(model), json)


@app.command(epilog=_examples("sweep sweep.toml", "sweep sweep.toml --workers 8"))
def sweep(
    config: Annotated[Path, _place("CONFIG", "TOML: recordings = ['pairs.csv'], and in [vary] what is tried.")],
    workers: Annotated[int | None, typer.Option(min=1, help="Fits at the same time.", show_default=False)] = None,
    json: AsJson = False,
) -> None:
    """Fit many recordings, or one with many settings.

    The same command goes on after a kill: what is finished stays. Its page has one table and one plot.
    """
    emit(_work().sweep(config, workers), json)


@app.command(epilog=_examples("demo", "demo --out mydemo --minutes 1"))
def demo(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="Folder for the run and report.html.")] = Path("demo"),
    minutes: Minutes = None,
    profile: Timed = False,
    json: AsJson = False,
) -> None:
    """Model a tape machine from the embedded recording."""
    figures = _work().demo(out, minutes, _begun(context, profile))
    if json:
        return emit(figures, True)
    emit({name: value for name, value in figures.items() if name != "profile"}, False)
    _timed(figures)


app.add_typer(analyse, name="analyse")
app.command(epilog=EPILOG)(bench)
