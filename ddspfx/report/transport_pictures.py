"""Pictures of a transport: its delay, its speed, and what its motion is made of."""

from typing import Any

import numpy as np

from ddspfx.analysis.motion import Motion
from ddspfx.analysis.transport import Transport
from ddspfx.analysis.wow_flutter import FLUTTER, WOW, band
from ddspfx.report.figure import FONT, Draw, Palette, panel, peaks

_COLUMNS = 1_500
_NAMED = 6
_CROWDED = 1.0  # e-folds of frequency to the next line, below which a name stands at the left
_DECADES = (0.1, 0.5, 1, 2, 6, 10, 20, 50, 100, 200, 500, 1_000)


def delay_over_time(motion: Motion) -> Draw:
    """The delay in ms beyond its own straight line, with twice its standard deviation where that is known."""
    line = np.polyval(np.polyfit(motion.times, motion.delay, 1), motion.times)
    rest = 1e3 * (motion.delay - line)

    def draw(figure: Any, palette: Palette) -> None:
        axes = panel(figure, palette, 111, "Delay")
        if motion.spread is not None:
            wide = 2e3 * motion.spread
            axes.fill_between(motion.times, rest - wide, rest + wide, color=palette.model, alpha=0.25, linewidth=0)
        axes.plot(motion.times, rest, color=palette.model, linewidth=1.2)
        axes.set(xlabel="seconds", ylabel="ms", xlim=(motion.times[0], motion.times[-1]))

    return draw


def speed_over_time(motion: Motion) -> Draw:
    """The speed deviation in per cent: all that the source tells, and wow alone."""
    whole = 100 * band(motion.speed, motion.rate, 0.0, min(motion.top, FLUTTER))
    wow = 100 * band(motion.speed, motion.rate, 0.0, min(motion.top, WOW))

    def draw(figure: Any, palette: Palette) -> None:
        axes = panel(figure, palette, 111, "Speed")
        low, high = peaks(whole, _COLUMNS)
        at = np.linspace(motion.times[0], motion.times[-1], low.size)
        axes.fill_between(at, low, high, color=palette.wet, alpha=0.6, linewidth=0.6, label="with flutter")
        axes.plot(motion.times, wow, color=palette.model, linewidth=1.3, label="below 6 Hz")
        axes.set(xlabel="seconds", ylabel="% of the speed", xlim=(motion.times[0], motion.times[-1]))
        axes.legend(loc="upper right", ncols=2, handlelength=1.2)
        axes.margins(y=0.25)

    return draw


def motion_spectrum(found: Transport) -> Draw:
    """The speed's spectrum in per cent, a sine at its peak, with the lines that stand clear."""
    at, size = found.spectrum.frequency, 100 * found.spectrum.peak

    def draw(figure: Any, palette: Palette) -> None:
        axes = panel(figure, palette, 111, "Wow and flutter, by frequency")
        top = float(at[-1])
        for border in (WOW, FLUTTER):
            if border < top:
                axes.axvline(border, color=palette.line, linewidth=1.2, zorder=0)
        axes.plot(at, np.maximum(size, 1e-7), color=palette.model, linewidth=1.0)
        _mark(axes, palette, found)
        axes.set_xscale("log")
        axes.set_yscale("log")
        ticks = [f for f in _DECADES if at[0] <= f <= top]
        axes.set_xticks(ticks, [f"{f:g}" for f in ticks])
        axes.xaxis.set_minor_formatter(lambda value, _: "")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        high = max(float(size.max()), 1e-6)
        axes.set(xlabel="Hz", ylabel="% of the speed, peak", xlim=(at[0], top), ylim=(1e-4 * high, 6 * high))

    return draw


def _mark(axes: Any, palette: Palette, found: Transport) -> None:
    """Dots on the strongest lines, with their frequency and, where it is known, their name."""
    for line in found.lines[:_NAMED]:
        axes.plot(line.frequency, 100 * line.peak, "o", color=palette.rest, markersize=4)
        words = f"{line.frequency:.3g} Hz" + (f"\n{line.name}" if line.name else "")
        above = [other.frequency for other in found.lines[:_NAMED] if other.frequency > line.frequency]
        left = bool(above) and np.log(min(above) / line.frequency) < _CROWDED
        axes.annotate(words, (line.frequency, 100 * line.peak), xytext=(-5 if left else 5, 3), color=palette.ink,
                      textcoords="offset points", ha="right" if left else "left", fontsize=FONT - 2)  # fmt: skip


def all_three(found: Transport) -> Draw:
    """Delay, speed and spectrum below each other, for one picture file."""
    parts = (delay_over_time(found.motion), speed_over_time(found.motion), motion_spectrum(found))

    def draw(figure: Any, palette: Palette) -> None:
        for part, under in zip(parts, figure.subfigures(3, 1, height_ratios=(1, 1, 1.3)), strict=True):
            part(under, palette)

    return draw
