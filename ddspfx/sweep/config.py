"""What a sweep is asked for: recordings, a model, settings, and what varies."""

import difflib
import glob
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError, field_validator, model_validator

from ddspfx.data.manifest import listed
from ddspfx.data.pair import files_in, wet_of
from ddspfx.fit.settings import Settings
from ddspfx.models.catalogue import RECIPES

OWN = ("model", "minutes")
"""What may vary beside the settings of a fit."""


class Span(BaseModel):
    """A range of numbers, from which `points` values are taken."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    low: float = Field(description="the least value")
    high: float = Field(description="the largest value")
    log: bool = Field(False, description="spread evenly over ratios")
    whole: bool = Field(False, description="whole numbers")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not (0 if self.log else -float("inf")) < self.low < self.high < float("inf"):
            raise ValueError("must have low below high, both above 0 where log is true")
        return self

    def at(self, share: float) -> float | int:
        """The value at a share of the range, 0 to 1."""
        value = self.low + share * (self.high - self.low)
        if self.log:
            value = self.low * (self.high / self.low) ** share
        return round(value) if self.whole else value


Values = Annotated[
    Annotated[list[Any], Tag("values")] | Annotated[Span, Tag("range")],
    Discriminator(lambda given: "values" if isinstance(given, list) else "range"),
]
"""Told apart beforehand, so that a fault in a range is not said of a list."""


class Recording(BaseModel):
    """One device's files and knobs, by name."""

    name: str
    dry: str
    wet: str
    controls: dict[str, float | str] = {}


class Sweep(BaseModel):
    """A sweep: every recording by itself (or all in one fit), with every combination of what varies."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    recordings: list[str] = Field(min_length=1, description="manifests, folders or patterns: ['tapes/*_dry.wav']")
    together: bool = Field(False, description="all recordings in one fit, as takes of one device")
    out: str = Field("sweep", min_length=1, description="folder for everything")
    model: str = Field("auto", description="a name from `ddspfx models`, or auto")
    minutes: float = Field(5.0, gt=0, lt=float("inf"), description="time to plan for, of each fit, on two cores")
    settings: Settings = Field(Settings(), description="of every fit")
    vary: dict[str, Values] = Field({}, description="by setting: values, or a range {low, high, log, whole}")
    points: int = Field(8, ge=1, description="how many places in the ranges are tried")
    seed: int = Field(0, ge=0, description="of the places in the ranges")
    workers: int = Field(1, ge=1, description="fits at the same time")
    executor: Literal["processes", "local", "slurm"] = Field(
        "processes", description="who runs them: this machine, or submitit on this one or on a cluster"
    )
    cluster: dict[str, Any] = Field({}, description="parameters for submitit: {timeout_min = 600, mem_gb = 4}")

    @field_validator("model")
    @classmethod
    def _known(cls, model: str) -> str:
        if model not in ("auto", *RECIPES):
            raise ValueError(f"must be one of auto, {', '.join(RECIPES)}")
        return model

    @field_validator("vary")
    @classmethod
    def _variable(cls, vary: dict[str, Values]) -> dict[str, Values]:
        for name, values in vary.items():
            given = values if isinstance(values, list) else [values.at(0.0), values.at(1.0)]
            if not given:
                raise ValueError(f"{name} must have at least one value")
            for value in given:
                _check(name, value)
        return vary

    def found(self, beside: Path) -> list[Recording]:
        """The recordings that the patterns name, seen from the folder `beside`; each once, names made different.

        Raises ValueError or OSError for a pattern that names nothing, or a dry without its wet.
        """
        rows: dict[tuple[str, str], Recording] = {}
        for pattern in self.recordings:
            for dry, wet, controls in _matching(pattern, beside):
                row = Recording(name=wet.stem, dry=str(dry), wet=str(wet), controls=dict(controls))
                rows.setdefault((row.dry, row.wet), row)
        times = Counter(row.name for row in rows.values())
        return [row if times[row.name] == 1 else _with_folder(row) for row in rows.values()]


def _with_folder(row: Recording) -> Recording:
    """Told apart from another of the same name by the folder it lies in."""
    return row.model_copy(update={"name": f"{Path(row.wet).parent.name}/{row.name}"})


def _check(name: str, value: Any) -> None:
    """Raises ValueError unless a fit could be told so."""
    known = (*OWN, *Settings.model_fields)
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        raise ValueError(f"{name} is no setting: {f'write {near[0]}' if near else 'take it out'}")
    try:
        if name in OWN:
            Sweep(recordings=["."], **{name: value})
        else:
            Settings(**{name: value})
    except ValidationError as error:
        wanted = error.errors()[0]["msg"].removeprefix("Input ").removeprefix("Value error, ")
        raise ValueError(f"{name} may not be {value!r}, it {wanted}") from None


def _matching(pattern: str, beside: Path) -> list[tuple[Path, Path, Mapping[str, Any]]]:
    places = [beside / pattern]
    if glob.has_magic(pattern):
        root = Path(pattern).anchor
        places = sorted(Path(root or beside).glob(pattern.removeprefix(root)))
    found: list[tuple[Path, Path, Mapping[str, Any]]] = []
    for place in places:
        if place.is_dir():
            found += [(dry, wet, {}) for dry, wet in files_in(place)]
        elif place.suffix.lower() == ".csv":
            found += [(line.dry, line.wet, line.controls) for line in listed(place)]
        elif place.is_file() and (wet := wet_of(place)) is not None:
            found.append((place, wet, {}))
    if not found:
        raise ValueError(
            f"recordings names {pattern!r}, which holds no pairs: name a manifest, a folder or files NAME_dry.wav"
        )
    return found
