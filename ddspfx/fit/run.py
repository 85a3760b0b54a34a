"""What a fit leaves: the device as a model, what belonged to each recording, and the figures."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from pydantic import ValidationError

from ddspfx.block import AbstractBlock
from ddspfx.fit.level import level_path
from ddspfx.fit.settings import Settings
from ddspfx.source.trajectory import Trajectory
from ddspfx.storage import load, save, write_atomically

NAME = "run.json"
VERSION = 1


@dataclass(frozen=True, eq=False)
class Run:
    """A fitted model with its story.

    `latents` holds, by slot path, one entry a recording (a `Trajectory` for a delay); `recordings` says for each
    recording its name, files, alignment and parts; `history` has a row a validation; `figures` the results;
    `findings` what they mean, in sentences; `confidence` has a row a number of a slot, with its deviation, where that
    was asked for.
    """

    model: AbstractBlock
    sample_rate: int
    settings: Settings
    latents: dict[str, list[Any]] = field(default_factory=dict)
    recordings: list[dict[str, Any]] = field(default_factory=list)
    history: list[dict[str, float]] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)
    confidence: list[dict[str, Any]] = field(default_factory=list)

    @property
    def delays(self) -> list[Trajectory]:
        """The delay of each recording, empty where none was tracked; a recording's level is none."""
        level = level_path(self.model)
        for path, rows in self.latents.items():
            if path != level and rows and all(isinstance(row, Trajectory) for row in rows):
                return list(rows)
        return []

    def save(self, folder: str | Path) -> Path:
        """Writes the folder: the model, `run.json`, and one file a trajectory; each whole or not at all."""
        folder = Path(folder)
        save(self.model, folder / "model")
        for path, rows in self.latents.items():
            for place, row in enumerate(rows):
                target = folder / "latents" / f"{place:03d}-{path}.safetensors"
                target.parent.mkdir(parents=True, exist_ok=True)
                row.save(target)
        text = {
            "format": "ddspfx run",
            "version": VERSION,
            "sample_rate": self.sample_rate,
            "settings": self.settings.model_dump(),
            "latents": {path: len(rows) for path, rows in self.latents.items()},
            "recordings": self.recordings,
            "history": self.history,
            "figures": self.figures,
            "findings": self.findings,
            "confidence": self.confidence,
        }
        write_atomically(folder / NAME, json.dumps(text, indent=1).encode())
        return folder

    @classmethod
    def load(cls, folder: str | Path, *, blocks: Any = ()) -> Self:
        """Reads what `save` wrote. ValueError, in one line, for what is not a run or is damaged."""
        folder = Path(folder)
        path = folder / NAME
        if not path.is_file():
            unfinished = (folder / "checkpoint.safetensors").is_file()
            cure = (
                "it is not finished: run `ddspfx fit` again with --resume"
                if unfinished
                else "give a folder that a fit made"
            )
            raise ValueError(f"{folder} holds no run: {cure}")
        try:
            text = json.loads(path.read_text())
            known = text["format"] == "ddspfx run" and text["version"] == VERSION
        except (json.JSONDecodeError, KeyError, TypeError, UnicodeDecodeError) as error:
            raise ValueError(f"{path} is damaged ({error}): fit again") from error
        if not known:
            raise ValueError(f"{path} has version {text['version']!r}, but this ddspfx reads {VERSION}: upgrade ddspfx")
        try:
            return cls._of(text, folder, blocks)
        except (KeyError, TypeError, AttributeError, ValidationError) as error:
            reason = str(error).splitlines()[0]
            raise ValueError(f"{path} is damaged ({type(error).__name__}: {reason}): fit again") from error

    @classmethod
    def _of(cls, text: dict[str, Any], folder: Path, blocks: Any) -> Self:
        latents = {
            name: [Trajectory.load(folder / "latents" / f"{place:03d}-{name}.safetensors") for place in range(count)]
            for name, count in text["latents"].items()
        }
        return cls(
            load(folder / "model", blocks=blocks),
            text["sample_rate"],
            Settings(**text["settings"]),
            latents,
            text["recordings"],
            text["history"],
            text["figures"],
            text["findings"],
            text.get("confidence", []),
        )
