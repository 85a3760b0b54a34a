"""What a fit found, in sentences."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ddspfx.blocks.add import Add
from ddspfx.fit.run import Run
from ddspfx.fit.takes import Take
from ddspfx.listing import slots, walk
from ddspfx.models.catalogue import RECIPES

BENT = 1.5
"""How many times smaller than the linear model's error the winner's must be for the device to count as nonlinear."""


def findings(run: Run, best: str, table: Mapping[str, Mapping[str, Any]], takes: Sequence[Take]) -> list[str]:
    """The device in a few plain sentences: time, level, nonlinearity, noise, and how sure the choice is."""
    told = [*_time(run, takes), *_bend(best, table), *_noise(run)]
    moving = any("wanders" in sentence for sentence in told)
    kind = "a tape-like device" if moving else "a device that keeps time"
    figures = table[best]
    chosen = f"{RECIPES[best].kind} model {best!r} with {figures['parameters']} numbers"
    return [f"Found {kind}: {chosen}, error {100 * figures['esr']:.2f} % of the energy on unseen seconds.", *told]


def _time(run: Run, takes: Sequence[Take]) -> list[str]:
    told = []
    for place, take in enumerate(takes):
        shift = take.alignment
        told.append(
            f"{take.name}: wet is {1e3 * shift.latency:.2f} ms late"
            + (f", {1e6 * (shift.speed - 1):+.0f} ppm fast" if shift.speed != 1 else "")
            + (", inverted" if shift.polarity < 0 else "")
            + "."
        )
        for row in run.delays[place : place + 1]:
            start, stop = take.inside
            times = np.linspace(start, stop, 2_000) / take.sample_rate
            delay = np.atleast_2d(row(times))[0]
            speed = np.gradient(delay, times)
            told.append(
                f"{take.name}: the delay wanders by ±{500 * np.ptp(delay):.2f} ms, "
                f"speed by {100 * np.std(speed):.3f} % rms."
            )
    return told


def _bend(best: str, table: Mapping[str, Mapping[str, Any]]) -> list[str]:
    if "linear" not in table or best == "linear":
        return ["A linear response explains it; nothing else did better."] if best == "linear" else []
    gain = float(table["linear"]["esr"]) / max(float(table[best]["esr"]), 1e-12)
    decibels = 10 * np.log10(max(gain, 1e-12))
    if gain < BENT:
        return [f"It is nearly linear: the nonlinear part gains {decibels:.1f} dB."]
    return [f"It is nonlinear: the model's error is {decibels:.1f} dB below the best linear response's."]


def _noise(run: Run) -> list[str]:
    for path, node, _ in walk(run.model):
        if isinstance(node, Add):
            level = next(slot.value for slot in slots(run.model) if slot.path == f"{path}.level")
            return [f"Its noise lies at {level:.0f} dBFS."]
    return []
