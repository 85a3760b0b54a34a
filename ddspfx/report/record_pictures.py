"""Pictures of a record and its player: distortion, response over the side, clicks, wow."""

from typing import Any

import numpy as np
from jaxtyping import Float

from ddspfx.block import AbstractBlock
from ddspfx.report.figure import FONT, HALF, Draw, Palette, hertz, panel
from ddspfx.report.measure import Response
from ddspfx.report.record_measure import DUST_S, Harmonics, Wow, clicks, sides, wow

INKS = {"rim": "linear", "half way": "model", "centre": "rest"}
CAPTIONS = {
    "record-distortion": "A 1 kHz tone in both walls, by the velocity of the groove: 5 cm/s is the usual reference. "
    "Lines are second harmonics, dashes third ones; the slower the groove, the more the stylus bends.",
    "record-response": "The answer to a quiet impulse in the left wall. Towards the centre wavelengths are short and "
    "treble is lost.",
    "record-clicks": "Heights of a minute's clicks in the groove.",
    "record-wow": "What the speed's deviation is made of, a sine at its peak; dotted lines are the revolution and its "
    "harmonics.",
}
"""By picture: what it shows."""
BINS = 30
TURNS = 8
"""Harmonics of the revolution that are marked."""


def record_pictures(model: AbstractBlock, sample_rate: int) -> dict[str, tuple[Draw, int, int, int]]:
    """By name: what is drawn, its width, and its heights for a wide and a narrow window."""
    places = sides(model, sample_rate)
    drawn: dict[str, Draw] = {
        "record-distortion": distortion({name: found for name, (found, _) in places.items()}),
        "record-response": response({name: found for name, (_, found) in places.items()}),
    }
    heights, motion = clicks(model, sample_rate), wow(model)
    if heights.size:
        drawn["record-clicks"] = click_heights(heights)
    if motion is not None:
        drawn["record-wow"] = wow_lines(motion)
    return {name: (draw, HALF, 330, 300) for name, draw in drawn.items()}


def distortion(places: dict[str, Harmonics]) -> Draw:
    """Second and third harmonic by groove velocity."""

    def draw(figure: Any, palette: Palette) -> None:
        axes = panel(figure, palette, 111, "Distortion by groove velocity")
        for name, found in places.items():
            ink = getattr(palette, INKS[name])
            axes.plot(found.velocity, found.second, color=ink, label=name)
            axes.plot(found.velocity, found.third, color=ink, linestyle=(0, (3, 2)), linewidth=1.1)
        axes.axvline(5.0, color=palette.line, linewidth=1.2, zorder=0)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.xaxis.set_minor_formatter(lambda value, _: "")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.set(xlabel="cm/s, peak", ylabel="% of the tone")
        low, high = axes.get_ylim()
        axes.set_ylim(max(low, 1e-3), high)
        axes.legend(loc="upper left", handlelength=1.6)

    return draw


def response(places: dict[str, Response]) -> Draw:
    """Gain by frequency at each place of the side, against 1 kHz at the first of them."""
    first = next(iter(places.values()))
    level = float(np.interp(1_000.0, *first))

    def draw(figure: Any, palette: Palette) -> None:
        axes = panel(figure, palette, 111, "Response over the side")
        for name, found in places.items():
            axes.plot(found.frequency, found.gain - level, color=getattr(palette, INKS[name]), label=name)
        hertz(axes)
        lowest = min(float(found.gain.min()) for found in places.values()) - level
        axes.set(xlabel="Hz", ylabel="dB", xlim=(20, 20_000), ylim=(max(lowest - 2, -30), 6))
        axes.legend(loc="lower center", handlelength=1.6)

    return draw


def click_heights(heights: Float[np.ndarray, " clicks"]) -> Draw:
    """How many clicks of each height."""

    def draw(figure: Any, palette: Palette) -> None:
        axes = panel(figure, palette, 111, f"{heights.size} clicks in {DUST_S:.0f} s")
        edges = np.geomspace(heights.min() * 0.999, heights.max() * 1.001, BINS + 1)
        axes.hist(heights, bins=edges, color=palette.model)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.xaxis.set_minor_formatter(lambda value, _: "")
        axes.set(xlabel="cm/s, peak", ylabel="clicks")

    return draw


def wow_lines(found: Wow) -> Draw:
    """The spectrum of speed with the revolution's lines."""

    def draw(figure: Any, palette: Palette) -> None:
        axes = panel(figure, palette, 111, "Wow and flutter, by frequency")
        for k in range(1, TURNS + 1):
            axes.axvline(k * found.revolution, color=palette.soft, linestyle=(0, (1, 2.5)), linewidth=1, zorder=0)
        axes.plot(found.frequency, np.maximum(found.peak, 1e-7), color=palette.model, linewidth=1.0)
        axes.set_xscale("log")
        axes.set_yscale("log")
        ticks = (0.1, 0.5, 1, 2, 5, 10, 25, 50)
        axes.set_xticks(ticks, [f"{f:g}" for f in ticks])
        axes.xaxis.set_minor_formatter(lambda value, _: "")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        high = float(found.peak.max())
        axes.set(xlabel="Hz", ylabel="% of the speed, peak", xlim=(0.1, 60), ylim=(3e-4 * high, 4 * high))
        axes.annotate(f"{found.revolution:.3f} Hz: once a turn", (found.revolution, 1.6 * high), xytext=(5, 0),
                      textcoords="offset points", color=palette.ink, fontsize=FONT - 2)  # fmt: skip

    return draw
