"""Pictures of a record: its noise, its clicks, its turning, and what it makes of its original."""

from typing import Any

import numpy as np

from ddspfx.analysis.vinyl.analyse import VinylAnalysis
from ddspfx.analysis.vinyl.floor import CENTRES
from ddspfx.analysis.vinyl.original import Original
from ddspfx.report.figure import Draw, Palette, hertz, panel
from ddspfx.report.transport_pictures import motion_spectrum, speed_over_time

_BINS = 36


def pictures(found: VinylAnalysis) -> dict[str, tuple[Draw, str]]:
    """By name: what is drawn, and its caption; only what the recording tells."""
    drawn: dict[str, tuple[Draw, str]] = {}
    if found.motion is not None and found.transport is not None:
        drawn["speed"] = speed_over_time(found.motion), "The speed against the right one."
        drawn["lines"] = (motion_spectrum(found.transport),
                          "A sine of wow or flutter stands at its peak; dots are lines that stand clear.")  # fmt: skip
    if found.floor is not None:
        drawn["noise"] = _noise(found), "The noise of the pauses: its density, and its level in third octaves."
    if len(found.clicks.places):
        drawn["clicks"] = _clicks(found), "Clicks by the height of their peak; those left of the line are not counted."
        if found.figures["revolution_hz"] is not None:
            drawn["angle"] = _angles(found), "Where on the disc clicks lie. A scratch stands as a column."
    if found.original is not None:
        drawn |= _beside(found.original)
    return drawn


def _noise(found: VinylAnalysis) -> Draw:
    floor = found.floor

    def draw(figure: Any, palette: Palette) -> None:
        axes = panel(figure, palette, 111, "Noise floor")
        if floor is None:
            return
        shown = floor.frequency > 4
        inks = (palette.wet, palette.model)
        for row, ink, name in zip(floor.density, inks, ("left", "right"), strict=False):
            axes.plot(floor.frequency[shown], 10 * np.log10(row[shown] + 1e-20), color=ink, linewidth=0.8, label=name)
        levels = [each.value for each in floor.thirds.values()]
        axes.step(CENTRES[: len(levels)], levels, where="mid", color=palette.rest, label="third octaves")
        hertz(axes)
        axes.set(xlabel="Hz", ylabel="dB of full scale (per Hz)", xlim=(5, found.sample_rate / 2))
        axes.legend(loc="upper right", ncols=3, handlelength=1.2)

    return draw


def _clicks(found: VinylAnalysis) -> Draw:
    levels = 20 * np.log10(np.maximum(found.clicks.heights, 1e-6))

    def draw(figure: Any, palette: Palette) -> None:
        axes = panel(figure, palette, 111, "Clicks by height")
        axes.hist(levels, bins=_BINS, color=palette.model)
        if np.isfinite(found.clicks.threshold):
            axes.axvline(20 * np.log10(found.clicks.threshold), color=palette.rest, linewidth=1.4)
        axes.set(xlabel="dB of full scale, peak", ylabel="clicks")
        axes.set_yscale("symlog", linthresh=10)

    return draw


def _angles(found: VinylAnalysis) -> Draw:
    reading = found.figures["revolution_hz"]
    turns = found.clicks.places[found.clicks.counted] / found.sample_rate * float(getattr(reading, "value", 1.0))

    def draw(figure: Any, palette: Palette) -> None:
        axes = panel(figure, palette, 111, "Clicks on the disc")
        axes.plot(360 * (turns % 1), turns, ".", color=palette.model, markersize=4)
        axes.set(xlabel="degrees of the revolution", ylabel="turns", xlim=(0, 360), xticks=range(0, 361, 60))

    return draw


def _beside(found: Original) -> dict[str, tuple[Draw, str]]:
    drawn = {
        "level": (_level(found), "The level against the original, in stretches of 8 s."),
        "response": (
            _response(found),
            "The frequency response, its level taken out, from the first stretch to the last.",
        ),
        "rest": (_rest(found), "What the original does not explain, beside the record."),
    }
    if len(found.distortion.level):
        drawn["distortion"] = (_distorted(found), "What is left unexplained over the sound, by its level and by the "
                               "velocity of the groove it was cut with.")  # fmt: skip
    return drawn


def _level(found: Original) -> Draw:
    def draw(figure: Any, palette: Palette) -> None:
        axes = panel(figure, palette, 111, "Level")
        axes.plot(found.responses.times, found.responses.level, "o-", color=palette.model, markersize=3)
        axes.set(xlabel="seconds", ylabel="dB")

    return draw


def _response(found: Original) -> Draw:
    rows = found.responses.response - found.responses.level[:, None]

    def draw(figure: Any, palette: Palette) -> None:
        axes = panel(figure, palette, 111, "Frequency response")
        for place, row in enumerate(rows):
            axes.plot(
                found.responses.frequency, row, color=palette.wet, alpha=0.25 + 0.5 * place / len(rows), linewidth=0.8
            )
        if found.responses.usual is not None:
            axes.plot(found.responses.frequency, found.responses.usual, color=palette.model, label="usual")
        hertz(axes)
        axes.set(xlabel="Hz", ylabel="dB against 1 kHz", xlim=(40, 20_000), ylim=(-30, 15))

    return draw


def _rest(found: Original) -> Draw:
    frequency, whole, rest = found.spectrum

    def draw(figure: Any, palette: Palette) -> None:
        axes = panel(figure, palette, 111, "Record and rest")
        for row, ink, name in ((whole, palette.wet, "record"), (rest, palette.rest, "rest")):
            axes.plot(frequency[1:], 10 * np.log10(row[1:] + 1e-20), color=ink, linewidth=0.9, label=name)
        hertz(axes)
        axes.set(xlabel="Hz", ylabel="dB per Hz", xlim=(20, frequency[-1]))
        axes.legend(loc="upper right", ncols=2)

    return draw


def _distorted(found: Original) -> Draw:
    told = found.distortion

    def draw(figure: Any, palette: Palette) -> None:
        left, right = panel(figure, palette, 121, "By level"), panel(figure, palette, 122, "By groove velocity")
        left.plot(told.level, told.by_level, "o-", color=palette.model, markersize=3)
        left.set(xlabel="dB of full scale", ylabel="rest over sound, dB")
        right.plot(told.velocity, told.by_velocity, "o-", color=palette.model, markersize=3)
        right.set(xlabel="cm/s, peak", xscale="log")

    return draw


def all_in_one(found: VinylAnalysis) -> Draw:
    """Every picture below the other, for one picture file."""
    parts = [draw for draw, _ in pictures(found).values()]

    def draw(figure: Any, palette: Palette) -> None:
        if not parts:
            return
        for part, under in zip(parts, np.atleast_1d(figure.subfigures(len(parts), 1)), strict=True):
            part(under, palette)

    return draw
