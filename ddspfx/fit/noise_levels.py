"""The noise of a model fitted to what its quiet self leaves of recordings, by spectra."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ddspfx.block import AbstractBlock
from ddspfx.fit.coordinates import Coordinate, coordinates, moved
from ddspfx.fit.curvature import LONGEST_S, pieces
from ddspfx.fit.judge import play
from ddspfx.fit.latents import Latents
from ddspfx.fit.noise_curvature import loud
from ddspfx.fit.takes import Take
from ddspfx.fit.whittle import FIRST, heard, likeliest

GLANCE_S = 1.5
"""Seconds that tell whether the quiet model plays a number."""


def noise_levels(
    model: AbstractBlock,
    latents: Latents,
    takes: Sequence[Take],
    parts: Sequence[tuple[int, int]],
    *,
    freeze: Sequence[str] = (),
    seconds: float = LONGEST_S,
    rounds: int = 6,
) -> Any:
    """The model with every number that only its noise plays moved to where the residual's spectra are likeliest.

    Levels, densities, resonances and correlations follow, wherever in the chain the noise is added; what the spectra
    do not tell stays. The noise is the difference of the model and its quiet self on the same dry with the same key.
    `seconds` from the middle of each part are compared; `freeze` names slots that stay.
    """
    rows = pieces(takes, parts, seconds)
    where = [one for one in coordinates(model, [*freeze, *latents]) if _unheard(model, latents, takes, rows, one)]
    if not where or not rows:
        return model
    silent = [play(model, latents, takes[r], r, p) for r, p in rows]
    residuals = [takes[r].wet[:, p[0] : p[1]] - y for (r, p), y in zip(rows, silent, strict=True)]

    def noise(device: Any) -> list[Any]:
        return [loud(device, latents, takes[r], r, p) - y for (r, p), y in zip(rows, silent, strict=True)]

    where = heard(model, noise, where)
    return likeliest(model, noise, residuals, where, rounds=rounds).model if where else model


def _unheard(model: Any, latents: Latents, takes: Any, rows: Any, one: Coordinate) -> bool:
    """Whether the quiet model does not play a number."""
    row, (start, stop) = rows[0]
    glance = start, min(stop, start + round(GLANCE_S * takes[row].sample_rate))
    step = FIRST if one.share < 0.5 else -FIRST
    other = play(moved(model, [one], np.array([step])), latents, takes[row], row, glance)
    return bool(np.all(other == play(model, latents, takes[row], row, glance)))


__all__ = ["noise_levels"]
