"""Fitting without pairs: a model against critics that compare what it makes of some dry with some other wet."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ddspfx.block import AbstractBlock
from ddspfx.fit.duel import FILE, Duel, UnpairedSettings
from ddspfx.fit.progress import Progress, Silent
from ddspfx.types import RandomKey


class Unpaired(NamedTuple):
    """The fitted model, and for every tenth step what critics and model lost."""

    model: AbstractBlock
    history: list[dict[str, float]]


def fit_unpaired(
    model: AbstractBlock,
    dry: Sequence[Any],
    wet: Sequence[Any],
    sample_rate: int,
    *,
    key: RandomKey,
    out: str | Path | None = None,
    resume: bool = False,
    settings: UnpairedSettings | None = None,
    progress: Progress | None = None,
    **changes: Any,
) -> Unpaired:
    """Fits a model so that what it makes of `dry` cannot be told from `wet`, other recordings of the same kind.

    max(0, 1 - D(wet)) + max(0, 1 + D(y)) is what the critics lose, -D(y) the model, with y = model(dry) under a fresh
    key each time, so that noise and transport in the model are drawn anew. `features` and `statistics` add distances
    that need no pairs either. `dry` and `wet` are lists of mono recordings (samples,), at least a warm-up and a
    segment long; `changes` are settings by name. `key` decides the critics, the excerpts and the noise.

    With `out` a checkpoint lies there, and `resume` goes on from it and ends with the same numbers. Raises ValueError
    for recordings that are too short, for another checkpoint, and FloatingPointError when a loss is not finite.
    Sources: Lim and Ye (2017), "Geometric GAN"; Wright, Välimäki and Juvela (2023), "Adversarial guitar amplifier
    modelling with unpaired data", ICASSP; Mikkonen, Wright, Moliner and Välimäki (2023) for tape.
    """
    settings = UnpairedSettings(**{**(settings or UnpairedSettings()).model_dump(exclude_unset=True), **changes})
    duel = Duel(model, dry, wet, sample_rate, key, settings, progress or Silent(), None if out is None else Path(out))
    rivals = duel.run(resume)
    return Unpaired(rivals.average if settings.average else rivals.model, duel.history)


__all__ = ["FILE", "Unpaired", "UnpairedSettings", "fit_unpaired"]
