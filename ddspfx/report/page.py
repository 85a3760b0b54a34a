"""`write_report`: a run as one page that works offline."""

import base64
import io
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from ddspfx.analysis.motion import trajectory_motion
from ddspfx.analysis.transport import Transport, figures_of
from ddspfx.fit.run import Run
from ddspfx.report import measure, pictures
from ddspfx.report.chain_picture import chain_picture, fitted_knobs
from ddspfx.report.excerpts import ORDER, Excerpts, read_excerpts
from ddspfx.report.figure import FULL, HALF, NARROW, Draw, peaks, svg
from ddspfx.report.record_measure import is_record
from ddspfx.report.record_pictures import CAPTIONS, record_pictures
from ddspfx.report.tables import candidates, facts, parameters, recordings, transport_rows
from ddspfx.report.transport_pictures import motion_spectrum
from ddspfx.storage import write_atomically

NAME = "report.html"
SOUND_BYTES = 4_800_000
"""Of all sounds on the page together, before base64 adds a third."""
COLUMNS = 700
"""Of the waveform behind the seek bar."""
HEADROOM = 0.95
SHORTEST_S = 1.0
"""Seconds that a trajectory must last to be measured."""
SPOKEN = {
    "dry": ("Dry", "what went in"),
    "wet": ("Wet", "the device"),
    "full": ("Model", "with its noise"),
    "model": ("Model", "what the figures judge"),
    "still": ("Without transport", "the model, time at rest"),
    "restored": ("Restored", "the wet, time put right"),
    "take": ("New take", "the model another day"),
    "linear": ("Linear", "the best linear response"),
}
"""By clip: its name on the page, and what it is."""
QUIET = ("Without noise", "the model as it is judged")
"""The model's own name where a clip with its noise lies beside it."""


def write_report(folder: str | Path) -> Path:
    """Makes FOLDER/report.html from a run folder: sounds, pictures, tables and words in one file.

    Sounds and what is drawn from them come from `write_excerpts`; without them the page says so. Raises
    ValueError when FOLDER holds no run or a damaged one, OSError when it cannot be written.
    """
    folder = Path(folder)
    run, heard = Run.load(folder), read_excerpts(folder)
    transport = _transport(run)
    page = _template().render(
        title=folder.resolve().name,
        model=run.figures.get("model", type(run.model).__name__),
        findings=run.findings,
        facts=facts(run, heard),
        candidates=candidates(run),
        chain=chain_picture(run.model, run.confidence),
        knobs=fitted_knobs(run.model, run.confidence),
        parameters=parameters(run),
        recordings=recordings(run),
        heard=None if heard is None else heard.notes,
        player=None if heard is None else _player(heard),
        pictures=_pictures(run, heard, transport),
        transport=transport_rows(transport),
        of_record=CAPTIONS,
        style=part("page.css"),
        script=part("player.js"),
    )
    path = folder / NAME
    write_atomically(path, page.encode())
    return path


def _template() -> Any:
    from jinja2 import Environment

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(part("page.html.j2"))


def part(name: str) -> str:
    """A file that lies beside the page: its template, style or script."""
    return files("ddspfx.report").joinpath(name).read_text(encoding="utf-8")


def _transport(run: Run) -> Transport | None:
    """What the flutter meters say of the first recording's trajectory, where one long enough was found."""
    rows = run.delays
    if not rows or rows[0].duration < SHORTEST_S:
        return None
    return figures_of(trajectory_motion(rows[0]))


def _pictures(run: Run, heard: Excerpts | None, transport: Transport | None) -> dict[str, str]:
    """Each picture by name, as SVG for a wide and for a narrow window."""
    rate = run.sample_rate
    drawn: dict[str, tuple[Draw, int, int, int]] = {}
    if heard is not None:
        drawn["waveforms"] = (pictures.waveforms(heard), FULL, 300, 560)
        drawn["spectrograms"] = (pictures.spectrograms(heard), FULL, 300, 640)
    if is_record(run.model):
        drawn |= record_pictures(run.model, rate)
    else:
        drawn |= _on_the_bench(run, heard)
    if transport is not None:
        drawn["motion"] = (motion_spectrum(transport), HALF, 350, 320)
    rows = run.delays
    if rows:
        drawn["trajectory"] = (
            pictures.trajectory(rows[0], run.recordings[0] if run.recordings else {}),
            HALF,
            320,
            280,
        )
    if run.history:
        drawn["losses"] = (pictures.losses(run.history), HALF, 320, 280)
    return {name: _both(name, *made) for name, made in drawn.items()}


def _on_the_bench(run: Run, heard: Excerpts | None) -> dict[str, tuple[Draw, int, int, int]]:
    rate = run.sample_rate
    transfer = pictures.transfer_curve(measure.transfer(run.model, rate))
    response = pictures.responses(measure.small_signal(run.model, rate), _estimates(heard))
    loops = pictures.hysteresis_loops(measure.loops(run.model, rate))
    return {
        "transfer": (transfer, HALF, 350, 320),
        "response": (response, HALF, 350, 320),
        "loops": (loops, FULL, 290, 640),
    }


def _both(name: str, draw: Draw, width: int, height: int, narrow: int) -> str:
    wide, small = svg(f"{name}-wide", draw, width, height), svg(f"{name}-narrow", draw, NARROW, narrow)
    return f'<div class="wide">{wide}</div><div class="narrow">{small}</div>'


def _estimates(heard: Excerpts | None) -> dict[str, measure.Response]:
    if heard is None:
        return {}
    dry = heard.signals["dry"]
    return {name: measure.estimated(dry, heard.signals[name], heard.sample_rate) for name in ("wet", "model")}


def _player(heard: Excerpts) -> dict[str, Any]:
    """The sounds for the player: FLAC as base64, what is drawn of each, and the gain that makes all equally loud."""
    effects = {each["name"]: (each["label"], each["says"]) for each in heard.notes.get("effects", ())}
    names = [name for name in (*ORDER, *effects) if name in heard.signals]
    spoken = SPOKEN | effects | ({"model": QUIET} if "full" in names else {})
    signals = _short_enough({name: heard.signals[name] for name in names}, heard.sample_rate)
    loudness = {name: float(np.sqrt(np.mean(np.square(x, dtype=np.float64)))) for name, x in signals.items()}
    gains = {name: loudness["wet"] / max(loudness[name], 1e-6) for name in names}
    peak = max(gains[name] * float(np.max(np.abs(x))) for name, x in signals.items())
    common = min(1.0, HEADROOM / max(peak, 1e-9))
    clips = [
        {
            "name": name,
            "colour": "effect" if name in effects else name,
            "label": spoken[name][0],
            "says": spoken[name][1],
            "gain": round(common * gains[name], 6),
            "peaks": _outline(common * gains[name] * signals[name]),
            "sound": base64.b64encode(_flac(signals[name], heard.sample_rate)).decode(),
        }
        for name in names
    ]
    seconds = signals["wet"].shape[1] / heard.sample_rate
    text = json.dumps({"sampleRate": heard.sample_rate, "seconds": seconds, "clips": clips})
    return {"clips": clips, "seconds": seconds, "data": text.replace("<", "\\u003c")}


def _short_enough(signals: dict[str, Any], sample_rate: int) -> dict[str, Any]:
    """The signals, cut to as many seconds as fit on the page."""
    size = sum(len(_flac(x, sample_rate)) for x in signals.values())
    keep = min(1.0, SOUND_BYTES / size)
    return {name: x[:, : int(keep * x.shape[1])] for name, x in signals.items()}


def _flac(x: Any, sample_rate: int) -> bytes:
    import soundfile

    buffer = io.BytesIO()
    soundfile.write(buffer, np.clip(x.T, -1.0, 1.0), sample_rate, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()


def _outline(x: Any) -> list[list[float]]:
    low, high = peaks(np.mean(x, axis=0), COLUMNS)
    return [[round(float(a), 3), round(float(b), 3)] for a, b in zip(low, high, strict=True)]
