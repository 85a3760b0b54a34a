"""Fisher's information about a model's noise: what its numbers do to the spectrum of what the quiet model leaves."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from ddspfx.block import AbstractBlock
from ddspfx.fit.coordinates import Coordinate, moved
from ddspfx.fit.judge import LEAD_S, play
from ddspfx.fit.latents import Latents, bind, unstack
from ddspfx.fit.takes import Take
from ddspfx.fit.whitening import FLOOR, GRAIN, cross_density
from ddspfx.render import render

WINDOW = 16_384
"""Samples of the spectrum's frames, at most: rumble lies close together."""
FRAMES = 12
"""In a part, at least."""
STEP = 0.01
"""Share by which a number of the noise is moved for its slope."""
NOTHING = 1e-9
"""Change of the spectrum, relative to the whole residual's, below which a number does nothing."""


def noise_information(
    model: AbstractBlock,
    latents: Latents,
    take: Take,
    row: int,
    part: tuple[int, int],
    where: Sequence[Coordinate],
    which: Any,
) -> Float[np.ndarray, "coordinates coordinates"]:
    """I_ij = (N / W) Σ_f tr(S⁻¹ ∂ᵢS S⁻¹ ∂ⱼS) for the coordinates in `which`, zero for the others.

    S(f) is the cross-spectral matrix of what the quiet model leaves, in frames of W samples, and ∂ᵢS how that of the
    model's own noise moves, by differences with the same take's key. Source: Whittle (1953), "The analysis of multiple
    stationary time series", for the likelihood.
    """
    information = np.zeros((len(where), len(where)))
    count = part[1] - part[0]
    window = min(WINDOW, 2 ** int(np.log2(max(count / FRAMES, 2))))
    silent = play(model, latents, take, row, part)
    residual = take.wet[:, part[0] : part[1]] - silent
    density = cross_density(residual, window)[1]
    floor = FLOOR * np.mean(np.trace(density, axis1=1, axis2=2).real) / len(residual)
    inverse = np.linalg.inv(density + (floor + GRAIN) * np.eye(len(residual)))
    cells = count / window

    def spectrum(device: AbstractBlock) -> Any:
        return cross_density(loud(device, latents, take, row, part) - silent, window)[1]

    numbers = [int(place) for place in np.flatnonzero(which)]
    turned = {}
    for place in numbers:
        one = where[place]
        up = min(STEP, 1.0 - one.share)
        down = min(STEP, one.share)
        ends = [spectrum(moved(model, [one], np.array([step]))) for step in (up, -down)]
        change = inverse @ (ends[0] - ends[1]) / (up + down)
        turned[place] = change if np.max(np.abs(change)) > NOTHING else np.zeros_like(change)
    for i in numbers:
        for j in numbers:
            information[i, j] = cells * float(np.einsum("fij,fji->", turned[i], turned[j]).real)
    return information


def loud(model: AbstractBlock, latents: Latents, take: Take, row: int, part: tuple[int, int]) -> Any:
    """What the model plays with its noise, the same noise every time."""
    start, stop = part
    lead = min(start, round(LEAD_S * take.sample_rate))
    bound = bind(model, unstack(latents, row), take.controls)
    y = render(bound, take.dry[:, start - lead : stop], take.sample_rate, start=start - lead)
    return np.asarray(y, np.float64)[:, lead:]


__all__ = ["loud", "noise_information"]
