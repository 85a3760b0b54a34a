"""The pictures of the page; each draws one question and its answer."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ddspfx.report.excerpts import Excerpts
from ddspfx.report.figure import FONT, Draw, Palette, hertz, panel, peaks
from ddspfx.report.measure import Loop, Response, Transfer
from ddspfx.source.trajectory import Trajectory

ZOOM_S = 0.01
FLOOR = -90.0
"""dB below the loudest point at which a spectrogram ends."""
WORDS = {"dry": "dry", "wet": "target", "model": "model", "linear": "linear", "rest": "residual"}


def waveforms(heard: Excerpts) -> Draw:
    """Target, model and residual over the whole excerpt, and over its loudest 10 ms."""
    wet, model = heard.signals["wet"][0], heard.signals["model"][0]
    rest, rate = model - wet, heard.sample_rate

    def draw(figure: Any, palette: Palette) -> None:
        tall = figure.get_figwidth() < figure.get_figheight()
        grid = figure.add_gridspec(2, 1) if tall else figure.add_gridspec(1, 2, width_ratios=(1.25, 1))
        whole = panel(figure, palette, grid[0], "The whole excerpt")
        for name, x, alpha in (("wet", wet, 0.85), ("model", model, 0.65), ("rest", rest, 1.0)):
            low, high = peaks(x, 900)
            times = np.linspace(0, x.size / rate, low.size)
            whole.fill_between(times, low, high, color=getattr(palette, name), alpha=alpha, linewidth=0)
        whole.set(xlabel="seconds", ylabel="amplitude", xlim=(0, wet.size / rate))
        near = panel(figure, palette, grid[1], "10 ms where it is loudest")
        start, count = loudest(wet, round(ZOOM_S * rate)), round(ZOOM_S * rate)
        times = 1e3 * np.arange(count) / rate
        for name, x, width in (("wet", wet, 4.0), ("model", model, 1.5), ("rest", rest, 1.2)):
            part = x[start : start + count]
            near.plot(times, part, color=getattr(palette, name), linewidth=width, label=WORDS[name])
        near.set(xlabel=f"milliseconds from {start / rate:.3f} s", xlim=(0, times[-1]))
        near.legend(loc="upper right", ncols=3, handlelength=1.2, columnspacing=1.0, bbox_to_anchor=(1.0, 1.13))

    return draw


def loudest(x: Any, count: int) -> int:
    """Where the `count` samples of the most energy begin."""
    total = np.concatenate([[0.0], np.cumsum(np.asarray(x, np.float64) ** 2)])
    return int(np.argmax(total[count:] - total[:-count])) if x.size > count else 0


def spectrograms(heard: Excerpts) -> Draw:
    """Target, model and residual over time and frequency, on one scale of level."""
    wet, model = heard.signals["wet"][0], heard.signals["model"][0]
    shown = {"Target": wet, "Model": model, "Residual": model - wet}
    images = {name: _spectrogram(x, heard.sample_rate) for name, x in shown.items()}
    top = max(float(image.max()) for image in images.values())

    def draw(figure: Any, palette: Palette) -> None:
        tall = figure.get_figwidth() < figure.get_figheight()
        grid = figure.add_gridspec(3, 1) if tall else figure.add_gridspec(1, 3)
        edge = min(20_000.0, heard.sample_rate / 2)
        for place, (name, image) in enumerate(images.items()):
            axes = panel(figure, palette, grid[place], name)
            axes.grid(False)
            drawn = axes.pcolorfast(
                (0, heard.seconds), (0, 1), image - top, cmap="magma", vmin=FLOOR, vmax=0, rasterized=True
            )
            ticks = [f for f in (50, 200, 1_000, 5_000, 20_000) if f <= edge]
            axes.set_yticks(
                np.log(np.array(ticks) / 40) / np.log(edge / 40), [f"{f / 1000:g}k" if f >= 1000 else f for f in ticks]
            )
            axes.set_xlabel("seconds" if not tall or place == 2 else "")
            axes.set_ylabel("Hz" if tall or place == 0 else "")
        bar = figure.colorbar(drawn, ax=figure.axes, shrink=0.9, pad=0.015, aspect=40 if tall else 22)
        bar.outline.set_visible(False)
        bar.ax.tick_params(color=palette.line, labelcolor=palette.soft, length=3)
        bar.set_label("dB", color=palette.soft)

    return draw


def _spectrogram(x: Any, sample_rate: int, columns: int = 420, rows: int = 180) -> Any:
    """Levels in dB on a logarithmic axis from 40 Hz up, (rows, columns)."""
    size = 1 << round(np.log2(0.046 * sample_rate))
    x = np.pad(np.asarray(x, np.float64), size // 2)
    starts = np.linspace(0, x.size - size, columns).astype(int)
    power = np.abs(np.fft.rfft(x[starts[:, None] + np.arange(size)] * np.hanning(size))) ** 2
    wanted = np.geomspace(40.0, min(20_000.0, sample_rate / 2), rows + 1)
    total = np.concatenate([np.zeros((columns, 1)), np.cumsum(power, axis=1)], axis=1)
    places = wanted * size / sample_rate + 0.5
    edges = np.stack([np.interp(places, np.arange(total.shape[1]), row) for row in total])
    mean = np.diff(edges, axis=1) / np.diff(places)
    return 10 * np.log10(np.maximum(mean.T, 1e-12))


def transfer_curve(measured: Transfer) -> Draw:
    """Level in against level out, with the harmonics that come along."""

    def draw(figure: Any, palette: Palette) -> None:
        axes = panel(figure, palette, 111, "Level in, level out, at 1 kHz")
        ends = (float(measured.level_in[0]), float(measured.level_in[-1]))
        axes.plot(ends, ends, color=palette.soft, linestyle=(0, (1, 2.5)), linewidth=1.4, label="unchanged")
        styles = (("model", "-", "fundamental"), ("linear", "-", "2nd harmonic"), ("rest", "-", "3rd harmonic"))
        for level, (colour, style, label) in zip(measured.out, styles, strict=True):
            axes.plot(measured.level_in, level, style, color=getattr(palette, colour), label=label)
        axes.set(xlabel="level in, dBFS", ylabel="level out, dBFS", xlim=ends, ylim=(-110, 6))
        axes.legend(loc="lower right", handlelength=1.6)

    return draw


def hysteresis_loops(measured: Sequence[Loop]) -> Draw:
    """Output against input for slow sines: a line where the device has no memory, a loop where it has."""

    def draw(figure: Any, palette: Palette) -> None:
        tall = figure.get_figwidth() < figure.get_figheight()
        grid = figure.add_gridspec(len(measured), 1) if tall else figure.add_gridspec(1, len(measured))
        for place, loop in enumerate(measured):
            axes = panel(figure, palette, grid[place], f"{loop.level:.0f} dBFS at 100 Hz")
            most = float(np.max(np.abs(loop.x)))
            axes.plot((-most, most), (-most, most), color=palette.soft, linestyle=(0, (1, 2.5)), linewidth=1.4)
            axes.plot(loop.x, loop.y, color=palette.model)
            axes.set(xlabel="in" if not tall or place == len(measured) - 1 else "")
            axes.set_ylabel("out" if tall or place == 0 else "")

    return draw


def responses(own: Response, estimates: dict[str, Response]) -> Draw:
    """The device's response to quiet sound, and what the recordings themselves show."""

    def draw(figure: Any, palette: Palette) -> None:
        axes = panel(figure, palette, 111, "Frequency response")
        for name, line in estimates.items():
            style = (0, (4, 2)) if name == "model" else "-"
            axes.plot(
                *line, color=getattr(palette, name), linestyle=style, linewidth=1.4, label=f"dry to {WORDS[name]}, H1"
            )
        axes.plot(*own, color=palette.ink, label="model, quiet impulse")
        hertz(axes)
        middle = float(np.median(own.gain))
        lows = [min(float(line.gain.min()) for line in (own, *estimates.values())), middle - 36.0]
        highs = [max(float(line.gain.max()) for line in (own, *estimates.values())), middle + 12.0]
        axes.set(xlabel="Hz", ylabel="dB", xlim=(20, 20_000), ylim=(max(lows) - 3, min(highs) + 4))
        axes.legend(loc="lower center", handlelength=1.8)

    return draw


def trajectory(row: Trajectory, recording: dict[str, Any]) -> Draw:
    """The delay over a recording, in ms beyond its mean, with twice its standard deviation where that is known.

    The band is seldom wider than the line, so it stands below once more, on a scale of its own.
    """
    times = np.linspace(0, row.duration, 3_000)
    delay, spread = np.atleast_2d(row(times)), np.atleast_2d(row.deviation(times))
    mean, known = float(delay.mean()), bool(np.isfinite(spread).all())

    def draw(figure: Any, palette: Palette) -> None:
        grid = figure.add_gridspec(2, 1, height_ratios=(2.6, 1)) if known else figure.add_gridspec(1, 1)
        axes = panel(figure, palette, grid[0], "The delay over the recording")
        late = recording.get("validated_s") or (0.0, 0.0)
        if late[1] > late[0]:
            axes.axvspan(*late, color=palette.shade, linewidth=0, zorder=0)
            axes.text(np.mean(late), 0.97, "kept from training", ha="center", va="top", color=palette.soft,
                      transform=axes.get_xaxis_transform())  # fmt: skip
        for channel, colour in zip(range(delay.shape[0]), (palette.model, palette.linear), strict=False):
            line, band = 1e3 * (delay[channel] - mean), 2e3 * spread[channel]
            if known:
                axes.fill_between(times, line - band, line + band, color=colour, alpha=0.25, linewidth=0)
            axes.plot(times, line, color=colour, linewidth=1.2)
        axes.set(ylabel=f"ms beyond {1e3 * mean:+.2f} ms", xlim=(0, row.duration))
        axes.margins(y=0.18)
        if known:
            axes.tick_params(labelbottom=False)
            axes = panel(figure, palette, grid[1], sharex=axes)
            axes.fill_between(times, -2e6 * spread[0], 2e6 * spread[0], color=palette.model, alpha=0.35, linewidth=0)
            axes.set(ylabel="band, µs", ylim=_twice_the_usual(2e6 * spread[0]))
        axes.set(xlabel="seconds")

    return draw


def _twice_the_usual(band: Any) -> tuple[float, float]:
    """Limits that show nine tenths of a band and let the rest, silence, go out of sight."""
    edge = 1.3 * float(np.quantile(band, 0.9)) + 1e-9
    return -edge, edge


def losses(history: Sequence[dict[str, float]]) -> Draw:
    """Loss on the training part and ESR on the validation part, by pass."""

    def draw(figure: Any, palette: Palette) -> None:
        axes = panel(figure, palette, 111, "The fit, pass by pass")
        passes = [row["pass"] for row in history]
        for key, colour, label in (("loss", "dry", "training loss"), ("esr", "model", "validation ESR")):
            axes.plot(passes, [row[key] for row in history], color=getattr(palette, colour), label=label, marker="o",
                      markersize=3 if len(history) > 20 else 4)  # fmt: skip
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.yaxis.set_minor_formatter(lambda value, _: "")
        axes.set(xlabel="pass")
        axes.legend(loc="upper right", fontsize=FONT - 1)

    return draw
