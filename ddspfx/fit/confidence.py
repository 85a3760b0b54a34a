"""How sure each number of a fitted model is, from the curvature of its error: Cramér and Rao's bound at the fit."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from ddspfx.block import AbstractBlock
from ddspfx.fit.coordinates import Coordinate, coordinates, slope
from ddspfx.fit.curvature import LONGEST_S, STEP, excerpts, normal
from ddspfx.fit.latents import Latents
from ddspfx.fit.noise_curvature import noise_information
from ddspfx.fit.takes import Take

SURE = 0.3
"""Deviation relative to the value, above which a number is not determined, unless it is sure within the range."""
SURE_OF_RANGE = 0.03
"""Deviation relative to the range, below which a number is determined however small it is."""
FLAT = 1e-9
"""Of the largest eigenvalue of the scaled information: below it a direction is flat."""


class Confidence(NamedTuple):
    """One number of a slot with its deviation, both in the slot's unit; `seen` says what tells of it.

    `deviation` is that of the number jointly with all others, infinite where the recording does not tell. `percent` is
    the deviation in per cent of the value (of the amplitude for a slot in dB).
    """

    path: str
    place: int | None
    value: float
    deviation: float
    percent: float
    determined: bool
    seen: str
    """"waveform", "noise" or "nothing"."""

    @property
    def text(self) -> str:
        """In words."""
        if not self.determined:
            return "not determined by this recording"
        return f"± {self.deviation:.2g} ({self.percent:.2g} %)"

    def as_json(self) -> dict[str, Any]:
        """For a file; what is infinite is null."""
        finite = np.isfinite(self.deviation)
        return {
            "path": self.path,
            "place": self.place,
            "value": self.value,
            "deviation": self.deviation if finite else None,
            "percent": self.percent if np.isfinite(self.percent) else None,
            "determined": self.determined,
            "seen": self.seen,
        }


def confidence(
    model: AbstractBlock,
    takes: Sequence[Take],
    latents: Latents | None = None,
    parts: Sequence[tuple[int, int]] | None = None,
    *,
    freeze: Sequence[str] = (),
    seconds: float = LONGEST_S,
) -> list[Confidence]:
    """The deviation of every number in a model's slots, from recordings that it was fitted to.

    C = (Jᵀ S⁻¹ J)⁻¹ with J the slopes of the quiet model's output by all numbers and S the spectrum of what it leaves;
    the knots of each recording's own delay and level are free beside them. Numbers that the quiet model does not play
    are those of its noise, whose likelihood is Whittle's, with S as what was measured. `seconds` from the middle of
    each part are looked at; `freeze` names slots that are known. A model error counts as noise would.
    Source: Kay (1993), "Fundamentals of statistical signal processing: estimation theory", eq. 3.31 and 15.52.
    """
    latents = {} if latents is None else latents
    where = coordinates(model, [*freeze, *latents])
    if not where:
        return []
    steps = np.full(len(where), STEP)
    heard, noise = np.zeros((len(where),) * 2), np.zeros((len(where),) * 2)
    for row, take in enumerate(takes):
        part = take.inside if parts is None else parts[row]
        if part[0] >= part[1]:
            continue
        for piece in excerpts(part, take.sample_rate, seconds):
            heard += normal(model, latents, take, row, piece, where, steps)[0].matrix
            silent = np.diag(heard) <= 0
            if silent.any():
                noise += noise_information(model, latents, take, row, piece, where, silent)
    return [
        _stated(one, deviation, heard[i, i] > 0, noise[i, i] > 0)
        for i, (one, deviation) in enumerate(zip(where, deviations(heard + noise), strict=True))
    ]


def deviations(information: Float[np.ndarray, "n n"]) -> Float[np.ndarray, " n"]:
    """The root of the inverse's diagonal; infinite for what lies in a flat direction."""
    scale = np.sqrt(np.diag(information))
    told = scale > 0
    found = np.full(len(scale), np.inf)
    if not told.any():
        return found
    shape = information[np.ix_(told, told)] / np.outer(scale[told], scale[told])
    values, vectors = np.linalg.eigh((shape + shape.T) / 2)
    firm = np.maximum(values, FLAT * values[-1])
    found[told] = np.sqrt(np.sum(vectors**2 / firm, axis=1)) / scale[told]
    return found


def _stated(one: Coordinate, share: float, heard: bool, noisy: bool) -> Confidence:
    deviation = share * abs(slope(one))
    percent = relative(one, deviation)
    determined = bool(percent <= 100 * SURE or share <= SURE_OF_RANGE)
    seen = "waveform" if heard else "noise" if noisy else "nothing"
    return Confidence(one.path, one.place, one.value, float(deviation), percent, determined, seen)


def relative(one: Coordinate, deviation: float) -> float:
    """A deviation in per cent: of the amplitude for decibels, else of the value; infinite of zero."""
    if one.range.unit.startswith("dB"):
        return float(100 * np.expm1(min(deviation, 1e3) * np.log(10) / 20))
    return float(100 * deviation / abs(one.value)) if one.value else float("inf")


__all__ = ["Confidence", "confidence", "deviations", "relative"]
