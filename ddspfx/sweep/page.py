"""The report of a sweep: one table, one plot, in one page that works offline, and the same rows as JSON."""

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from ddspfx.report.figure import FONT, FULL, NARROW, Draw, panel, svg
from ddspfx.report.tables import percent
from ddspfx.storage import write_atomically

NAME, ROWS = "sweep.html", "sweep.json"
COLOURS = ("model", "wet", "linear", "rest", "dry")
MANY = 40
"""Fits beyond which the plot names none of them."""

Row = Mapping[str, Any]


def write_page(folder: str | Path, rows: Sequence[Row]) -> Path:
    """Writes `sweep.html` and `sweep.json` from the rows of a sweep; the page's path."""
    from jinja2 import Environment

    folder = Path(folder)
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    page = environment.from_string(_part("ddspfx.sweep", "page.html.j2")).render(
        title=folder.resolve().name,
        facts=facts(rows),
        heads=_varied(rows),
        rows=table(rows),
        plot=_plot(rows),
        style=_part("ddspfx.report", "page.css"),
    )
    write_atomically(folder / ROWS, json.dumps([dict(row) for row in rows], indent=1).encode())
    write_atomically(folder / NAME, page.encode())
    return folder / NAME


def facts(rows: Sequence[Row]) -> list[dict[str, str]]:
    """The headline: how many are done, the best, the middle, and what it took."""
    done = _done(rows)
    errors = [row["esr"] for row in done]
    told = {"Fits done": f"{len(done)} of {len(rows)}"}
    if done:
        told["Smallest error"] = percent(min(errors))
        told["Median error"] = percent(float(np.median(errors)))
        told["Hours of fitting"] = f"{sum(row['seconds'] for row in done) / 3600:.2f}"
    return [{"name": name, "value": value} for name, value in told.items()]


def table(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The words of each line, the best first, what failed last."""
    heads = _varied(rows)
    order = sorted(rows, key=lambda row: (row["state"] != "complete", row.get("esr", 0.0)))
    return [
        {
            "key": row["key"],
            "name": row["name"],
            "model": row["model"],
            "varied": [_short(row["varied"].get(head, "")) for head in heads],
            "end": percent(row["esr"]) if row["state"] == "complete" else row["state"],
            "reason": row.get("reason", ""),
            "parameters": f"{row['parameters']:,}" if "parameters" in row else "",
            "seconds": f"{row['seconds']:.0f}" if "seconds" in row else "",
        }
        for row in order
    ]


def drawn(rows: Sequence[Row]) -> Draw:
    """Errors in dB, against the number that varies where one does, else from the best fit to the worst."""
    numbers = [head for head in _varied(rows) if all(_is_number(row["varied"].get(head)) for row in rows)]
    return _against(rows, numbers[0]) if numbers else _ranked(rows)


def _plot(rows: Sequence[Row]) -> str:
    done = _done(rows)
    if not done:
        return ""
    draw, height = drawn(done), 200 + 16 * min(len(done), MANY)
    wide, narrow = svg("sweep-wide", draw, FULL, height), svg("sweep-narrow", draw, NARROW, height)
    return f'<div class="wide">{wide}</div><div class="narrow">{narrow}</div>'


def _against(rows: Sequence[Row], head: str) -> Draw:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        rest = [f"{name} {_short(value)}" for name, value in row["varied"].items() if name not in (head, "model")]
        groups.setdefault(", ".join([row["model"], *rest]), []).append(row)

    def draw(figure: Any, palette: Any) -> None:
        axes = panel(figure, palette, 111, f"Error against {head}")
        for place, (label, members) in enumerate(groups.items()):
            colour = getattr(palette, COLOURS[place % len(COLOURS)])
            x = [row["varied"][head] for row in members]
            axes.plot(x, [_decibels(row) for row in members], "o", color=colour, alpha=0.7, markersize=5, label=label)
        values = [row["varied"][head] for row in rows]
        if min(values) > 0 and max(values) >= 10 * min(values):
            axes.set_xscale("log")
        axes.set(xlabel=head, ylabel="ESR in dB")
        if 1 < len(groups) <= len(COLOURS):
            axes.legend(fontsize=FONT - 1)

    return draw


def _ranked(rows: Sequence[Row]) -> Draw:
    order = sorted(rows, key=_decibels)

    def draw(figure: Any, palette: Any) -> None:
        axes = panel(figure, palette, 111, "Error of every fit, the best first")
        errors = [_decibels(row) for row in order]
        if len(order) > MANY:
            axes.plot(np.arange(1, len(order) + 1), errors, color=palette.model)
            axes.set(xlabel="fits", ylabel="ESR in dB")
            return
        axes.plot(errors, range(len(order)), "o", color=palette.model, markersize=6)
        axes.set_yticks(range(len(order)), [_label(row) for row in order])
        axes.invert_yaxis()
        axes.set(xlabel="ESR in dB")

    return draw


def _label(row: Row) -> str:
    words = [row["name"], *(_short(value) for value in row["varied"].values())]
    return ", ".join(words)[:48]


def _decibels(row: Row) -> float:
    return float(10 * np.log10(min(max(row["esr"], 1e-12), 1e12)))


def _done(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row["state"] == "complete"]


def _varied(rows: Sequence[Row]) -> list[str]:
    """The names of what varies, but for the model, which has a column of its own."""
    return [name for name in dict.fromkeys(name for row in rows for name in row["varied"]) if name != "model"]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else json.dumps(value) if isinstance(value, dict) else str(value)


def _part(package: str, name: str) -> str:
    return files(package).joinpath(name).read_text(encoding="utf-8")
