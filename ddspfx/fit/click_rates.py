"""Clicks fitted to those that are found in what the quiet model leaves: how many, how high, and at which angle."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from ddspfx.analysis.vinyl.clicks import find_clicks
from ddspfx.block import AbstractBlock
from ddspfx.blocks.add import Add
from ddspfx.fit.curvature import pieces
from ddspfx.fit.judge import play
from ddspfx.fit.latents import Latents
from ddspfx.fit.noise_curvature import loud
from ddspfx.fit.takes import Take
from ddspfx.listing import get, put, walk
from ddspfx.slot import Param
from ddspfx.source.surface_clicks import SurfaceClicks

LONGEST_S = 30.0
"""Of each recording that are looked at."""
ROUNDS = 3
"""Times that the model's own clicks are counted: some hide under the hiss, in the model as on the record."""
FEWEST = 15
"""Clicks from which heights are told apart."""
LEAST_RATIO, LARGEST_RATIO = 0.1, 10.0
"""By how much a rate may change a round."""


class _Found(NamedTuple):
    """Seconds on the clock and heights of the clicks of all pieces, and the greatest of their thresholds."""

    seconds: Float[np.ndarray, " clicks"]
    heights: Float[np.ndarray, " clicks"]
    threshold: float

    def above(self, threshold: float) -> "_Found":
        kept = self.heights >= threshold
        return _Found(self.seconds[kept], self.heights[kept], threshold)


def clicks_counted(
    model: AbstractBlock, latents: Latents, takes: Sequence[Take], parts: Sequence[tuple[int, int]]
) -> Any:
    """The model with its `SurfaceClicks` as many, as high and as locked to the revolution as those in the residual.

    Both the residual and the model's own noise go through one detector, and are compared above the higher of the two
    thresholds: the rate by the ratio of counts; the tail of P(|h| > x) = x^-tail by maximum likelihood, n / sum ln
    (h / threshold) (Hill 1975); locking and phase from the mean of exp(2 pi i angle). The least height stays, since
    under a power law it only trades with the rate. Only slots that hold a number move; without clicks in the model, or
    in the residual, nothing does.
    """
    path = next(
        (p for p, node, _ in walk(model) if isinstance(node, Add) and isinstance(node.source, SurfaceClicks)), None
    )
    rows = pieces(takes, parts, LONGEST_S)
    if path is None or not rows:
        return model
    silent = [play(model, latents, takes[r], r, p) for r, p in rows]
    seen = _found([takes[r].wet[:, p[0] : p[1]] - y for (r, p), y in zip(rows, silent, strict=True)], rows, takes)
    for number in range(ROUNDS):
        own = _found(
            [loud(model, latents, takes[r], r, p) - y for (r, p), y in zip(rows, silent, strict=True)], rows, takes
        )
        threshold = max(seen.threshold, own.threshold)
        here, there = seen.above(threshold), own.above(threshold)
        if not here.heights.size:
            return model
        if number == 0 and here.heights.size >= FEWEST:
            model = _turned(_tailed(model, path, here), path, here)
        else:
            model = _rated(model, path, here.heights.size / max(there.heights.size, 1))
    return model


def _found(sounds: Sequence[Any], rows: Sequence[tuple[int, tuple[int, int]]], takes: Sequence[Take]) -> _Found:
    """The clicks of all pieces by one detector."""
    clicks = [
        find_clicks(np.asarray(x, np.float64), takes[r].sample_rate) for x, (r, _) in zip(sounds, rows, strict=True)
    ]
    seconds = [
        (one.places[one.counted] + p[0]) / takes[r].sample_rate for one, (r, p) in zip(clicks, rows, strict=True)
    ]
    heights = [one.heights[one.counted] for one in clicks]
    return _Found(np.concatenate(seconds), np.concatenate(heights), max(float(one.threshold) for one in clicks))


def _rated(model: Any, path: str, ratio: float) -> Any:
    return _put(model, f"{path}.source.rate", float(np.clip(ratio, LEAST_RATIO, LARGEST_RATIO)), times=True)


def _tailed(model: Any, path: str, found: _Found) -> Any:
    return _put(
        model, f"{path}.source.tail", found.heights.size / float(np.sum(np.log(found.heights / found.threshold)))
    )


def _turned(model: Any, path: str, found: _Found) -> Any:
    """Locking is twice the mean resultant length, less what chance gives it."""
    rpm = get(model, f"{path}.source.rpm")
    if not isinstance(rpm, Param):
        return model
    angle = 2 * np.pi * found.seconds * float(rpm.value) / 60
    cosine, sine = float(np.mean(np.cos(angle))), float(np.mean(np.sin(angle)))
    length = max(cosine**2 + sine**2 - 1 / found.seconds.size, 0.0) ** 0.5
    model = _put(model, f"{path}.source.locking", 2 * length)
    return _put(model, f"{path}.source.phase", float(np.arctan2(sine, cosine)) / (2 * np.pi) % 1.0)


def _put(model: Any, path: str, value: float, times: bool = False) -> Any:
    """The model with a number in a slot that holds one, within its range."""
    slot = get(model, path)
    if not isinstance(slot, Param) or slot.raw.ndim:
        return model
    value = value * float(slot.value) if times else value
    return put(model, path, float(np.clip(value, slot.range.low, slot.range.high)))


__all__ = ["clicks_counted"]
