"""The fits of a sweep: every recording with every combination, each with a name that its content gives it."""

import hashlib
import itertools
import json
import re
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from ddspfx.sweep.config import OWN, Recording, Span, Sweep


class Fit(BaseModel):
    """One fit of a sweep: what is fitted to what, and what of it varies."""

    recordings: list[Recording]
    model: str
    minutes: float
    settings: dict[str, Any]
    varied: dict[str, Any]

    @property
    def name(self) -> str:
        """The recording's name, or how many there are."""
        return self.recordings[0].name if len(self.recordings) == 1 else f"{len(self.recordings)} recordings"

    @cached_property
    def key(self) -> str:
        """A folder name that is this fit's alone, and the same whenever the same is asked for."""
        text = json.dumps(self.model_dump(exclude={"varied"}), sort_keys=True)
        readable = re.sub(r"[^\w.-]+", "-", self.name)[:40]
        return f"{readable}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def fits(sweep: Sweep, beside: Path) -> list[Fit]:
    """All fits, in the order in which they are queued. Raises as `Sweep.found` does."""
    recordings = sweep.found(beside)
    groups = [recordings] if sweep.together else [[recording] for recording in recordings]
    combinations = list(_combinations(sweep))
    return [_fit(sweep, group, varied) for varied in combinations for group in groups]


def _fit(sweep: Sweep, recordings: list[Recording], varied: dict[str, Any]) -> Fit:
    own = {"model": sweep.model, "minutes": sweep.minutes} | {n: v for n, v in varied.items() if n in OWN}
    settings = sweep.settings.with_changes(**{n: v for n, v in varied.items() if n not in OWN})
    return Fit(recordings=recordings, settings=settings.model_dump(exclude_unset=True), varied=varied, **own)


def _combinations(sweep: Sweep) -> list[dict[str, Any]]:
    """Every combination of the lists, each at the same places in the ranges.

    The places are Halton's sequence, scrambled by the seed: they fill the ranges evenly, and with more points the
    earlier ones stay. Source: Owen (2017), "A randomized Halton algorithm in R".
    """
    spans = {name: span for name, span in sweep.vary.items() if isinstance(span, Span)}
    lists = {name: values for name, values in sweep.vary.items() if isinstance(values, list)}
    places: list[dict[str, Any]] = [{}]
    if spans:
        from scipy.stats.qmc import Halton

        rows = Halton(len(spans), rng=sweep.seed).random(sweep.points)
        places = [
            {name: span.at(float(share)) for (name, span), share in zip(spans.items(), row, strict=True)}
            for row in rows
        ]
    grid = [dict(zip(lists, values, strict=True)) for values in itertools.product(*lists.values())]
    return [{**row, **place} for row in grid for place in places]
