"""How well a model plays recordings: rendered quiet, with each recording's own latents."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from ddspfx.block import AbstractBlock, quiet
from ddspfx.fit.latents import Latents, bind, unstack
from ddspfx.fit.takes import Take
from ddspfx.render import render

LEAD_S = 1.0
"""Seconds played before what is compared, so that filters and cells have settled."""


def play(
    model: AbstractBlock, latents: Latents, take: Take, place: int, part: tuple[int, int] | None = None
) -> Float[np.ndarray, "channels samples"]:
    """What the quiet model makes of one recording, or of a part of it."""
    start, stop = (0, take.count) if part is None else part
    lead = min(start, round(LEAD_S * take.sample_rate))
    bound = quiet(bind(model, unstack(latents, place), take.controls))
    x = take.dry[:, start - lead : stop]
    y: Float[np.ndarray, "channels samples"] = render(bound, x, take.sample_rate, start=start - lead)[:, lead:]
    return y


def error_to_signal(
    model: AbstractBlock, latents: Latents, takes: Sequence[Take], parts: Sequence[tuple[int, int]]
) -> float:
    """Global ESR over the given parts of all recordings, empty ones left out: error energy over target energy."""
    error = energy = 0.0
    for place, (take, part) in enumerate(zip(takes, parts, strict=True)):
        if part[0] == part[1]:
            continue
        y = play(model, latents, take, place, part).astype(np.float64)
        wet = take.wet[:, part[0] : part[1]].astype(np.float64)
        error += float(np.sum((y - wet) ** 2))
        energy += float(np.sum(wet**2))
    return error / max(energy, 1e-20) if np.isfinite(error) else float("inf")
