"""The words and numbers of the page."""

from typing import Any

import numpy as np

from ddspfx.analysis.transport import Transport
from ddspfx.fit.run import Run
from ddspfx.listing import slots
from ddspfx.report.excerpts import Excerpts
from ddspfx.report.transport_words import WORDS, line_row, shown

Row = dict[str, Any]
TOLD = (
    "drift_rms_percent",
    "wow_rms_percent",
    "flutter_rms_percent",
    "unweighted_rms_percent",
    "weighted_quasi_peak_percent",
    "weighted_two_sigma_percent",
)
"""The figures of a transport that the page of a run shows; the rest belongs to `ddspfx analyse transport`."""


def facts(run: Run, heard: Excerpts | None) -> list[Row]:
    """The figures: what is measured, its value, and what it means. The first ones are the headline."""
    figures = run.figures
    score = {} if heard is None else heard.notes["score"]
    held = figures.get("esr_held_out", score.get("esr"))
    linear = figures.get("esr_linear_held_out")
    rows = [
        _share("Error on unseen seconds", held, "energy of the residual over that of the target (ESR)"),
        _share("Best linear response", linear, "the same, for the best filter with the same delay trajectory"),
        _decibels("Better than linear", held, linear),
        _row("Numbers in the model", figures.get("parameters"), "{:,.0f}", "trained and solved"),
        _share("Error in validation", figures.get("esr_validation"), "on the end of each recording of the fit"),
        _share("Error in training", figures.get("esr_training"), "on what the fit learned from"),
        _row("Model latency", run.model.latency(run.sample_rate), "{:.1f} samples", "processing delay, removed here"),
        _row("Hiss in the model", _hiss(run), "{:.0f} dBFS", "RMS of its noise source"),
        _row("Residual in the quiet", score.get("noise_db"), "{:.0f} dBFS", "RMS in the quietest tenth"),
        _row("Spectral distance", score.get("mr_stft"), "{:.3f}", "multi-resolution STFT"),
        _row("Sample rate", run.sample_rate, "{:,.0f} Hz", "of the recordings"),
    ]
    return [row for row in rows if row is not None]


def candidates(run: Run) -> list[Row]:
    """What was tried, best first, and which one was kept."""
    table = run.figures.get("candidates", {})
    rows = sorted(table.items(), key=lambda item: float(item[1]["esr"]))
    return [
        {"name": name, "esr": percent(row["esr"]), "parameters": f"{row['parameters']:,}",
         "kept": name == run.figures.get("model")}
        for name, row in rows
    ]  # fmt: skip


def parameters(run: Run) -> list[Row]:
    """The model's slots in physical units, and how sure each is where that is known."""
    sure: dict[str, list[str]] = {}
    for row in run.confidence:
        sure.setdefault(row["path"], []).append(said(row))
    return [
        {"path": s.path, "value": s.text, "unit": s.range.unit, "low": f"{s.range.low:g}", "high": f"{s.range.high:g}",
         "sure": ", ".join(dict.fromkeys(sure.get(s.path, [])))}
        for s in slots(run.model)
    ]  # fmt: skip


def said(row: Row) -> str:
    """The deviation of one number of a slot, as `fit.confidence` states it."""
    if not row["determined"] or row["deviation"] is None:
        return "not determined by this recording"
    percent = "" if row["percent"] is None else f" ({row['percent']:.2g} %)"
    return f"± {row['deviation']:.2g}{percent}"


def recordings(run: Run) -> list[Row]:
    """What was fitted and judged, from where to where."""
    return [
        {
            "name": row["name"],
            "latency": f"{1e3 * row['latency_s']:+.3f} ms",
            "speed": f"{1e6 * (row['speed'] - 1):+.1f} ppm",
            "polarity": "inverted" if row["polarity"] < 0 else "kept",
            "trained": stretch(row["trained_s"]),
            "validated": stretch(row["validated_s"]),
        }
        for row in run.recordings
    ]


def transport_rows(found: Transport | None) -> list[Row]:
    """What the flutter meters say of a trajectory, what it cannot tell left out, and its lines."""
    if found is None:
        return []
    told = [(key, reading) for key, reading in found.figures.items() if reading is not None and key in TOLD]
    rows = [{"name": WORDS[key][0], "value": f"{shown(reading)} {WORDS[key][1]}"} for key, reading in told]
    for line in map(line_row, found.lines[:4]):
        name = f", {line['name']}" if line["name"] else ""
        rows.append({"name": f"Line at {line['frequency']} Hz{name}", "value": f"{line['peak']} %"})
    return rows


def percent(share: float) -> str:
    """0.00134 as 0.134 %: three figures."""
    return f"{100 * share:.3g} %" if np.isfinite(share) else "not finite"


def stretch(edges: Any) -> str:
    """From where to where, in seconds."""
    return f"{edges[0]:.2f} to {edges[1]:.2f} s" if edges[1] > edges[0] else "none"


def _hiss(run: Run) -> float | None:
    found = [s.value for s in slots(run.model) if s.path.split(".")[-2:] == ["hiss", "level"]]
    return float(np.max(found[0])) if found and found[0] is not None else None


def _share(name: str, value: float | None, meaning: str) -> Row | None:
    return None if value is None else {"name": name, "value": percent(float(value)), "meaning": meaning}


def _row(name: str, value: float | None, form: str, meaning: str) -> Row | None:
    return None if value is None else {"name": name, "value": form.format(value), "meaning": meaning}


def _decibels(name: str, held: float | None, linear: float | None) -> Row | None:
    if held is None or linear is None:
        return None
    return _row(name, 10 * float(np.log10(max(linear, 1e-12) / max(held, 1e-12))), "{:.1f} dB", "less residual energy")
