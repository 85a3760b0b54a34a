"""One picture of the results: every ratio beside what was asked."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.bench.case import Row

COLOURS = {"forward": "#2a6f97", "backward": "#e07a5f"}


def plot(rows: Sequence[Row], path: Path) -> None:
    """Bars of peer time over ours on a logarithmic axis, a tick where the asked ratio lies, a whisker of quartiles."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    shown = [row for row in rows if row.get("forward") is not None][::-1]
    if not shown:
        return
    figure, axes = plt.subplots(figsize=(8, 1 + 0.42 * len(shown)), layout="constrained")
    for place, row in enumerate(shown):
        for offset, way in ((0.2, "forward"), (-0.2, "backward")):
            if not (way == "backward" and row.get("backward_at_most")):
                _bar(axes, row, way, place + offset)
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_yticks(range(len(shown)), [f"{row['kernel']}\n{row['peer']}" for row in shown], fontsize=7)
    axes.set_xlabel("times as fast as the peer; the black tick is what was asked")
    axes.legend(handles=[plt.Rectangle((0, 0), 1, 1, color=c, label=way) for way, c in COLOURS.items()], fontsize=8)
    _save(plt, figure, path)


def plot_growth(rows: Sequence[Row], path: Path) -> None:
    """Our forward pass over the length of one signal, both axes logarithmic: parallel to the dotted line is linear."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(9, 6), layout="constrained")
    for kernel in dict.fromkeys(row["kernel"] for row in rows):
        points = [row for row in rows if row["kernel"] == kernel and row.get("axis") in ("length", "block")]
        points = sorted((row for row in points if "skipped" not in row), key=lambda row: row["samples"])
        times = [row["forward_seconds"]["ddspfx"]["median"] for row in points]
        axes.loglog([row["samples"] for row in points], times, marker=".", label=kernel)
    axes.loglog([32, 600 * 44_100], [32 / 44_100, 600], ":", color="black", label="real time")
    axes.set_xlabel("samples of one signal at 44.1 kHz")
    axes.set_ylabel("seconds of the forward pass")
    axes.legend(fontsize=7, ncols=2)
    _save(plt, figure, path)


def _save(plt: Any, figure: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.stem}.part.png")
    figure.savefig(part, dpi=110)
    part.replace(path)
    plt.close(figure)


def _bar(axes: Any, row: Row, way: str, height: float) -> None:
    value, asked, spread = row.get(way), row.get(f"{way}_asked"), row.get(f"{way}_spread")
    if value is None:
        return
    axes.barh(height, value, 0.36, color=COLOURS[way])
    if spread:
        axes.hlines(height, *spread, color="black", linewidth=0.8)
    if asked:
        axes.vlines(asked, height - 0.2, height + 0.2, color="black", linewidth=2)
