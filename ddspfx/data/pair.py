"""A pair: what went into a device, what came out, and where its knobs stood."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from ddspfx.audio import Pathlike
from ddspfx.data.recording import Recording

_DRY = ("dry", "input", "in", "clean")
_WET = ("wet", "target", "out", "output")
_ENDINGS = {".wav", ".flac", ".aif", ".aiff", ".ogg"}


@dataclass(frozen=True, eq=False)
class Pair:
    """Dry and wet at one sample rate with equally many channels; lengths may differ.

    `controls` holds the knobs while it was recorded: numbers, or words for switches.
    Raises ValueError when rates or channels differ.
    """

    dry: Recording
    wet: Recording
    controls: Mapping[str, float | str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        dry, wet = self.dry, self.wet
        if dry.sample_rate != wet.sample_rate:
            raise ValueError(
                f"{wet.name} is at {wet.sample_rate} Hz, but must be at the {dry.sample_rate} Hz of {dry.name}: "
                "resample one of them"
            )
        if dry.channels != wet.channels:
            raise ValueError(
                f"{dry.name} is {_layout(dry)} and {wet.name} is {_layout(wet)}, but both must be the same: "
                "export both as mono or both as stereo"
            )

    @classmethod
    def read(
        cls,
        dry: Pathlike,
        wet: Pathlike,
        controls: Mapping[str, float | str] | None = None,
        sample_rate: int | None = None,
    ) -> Self:
        """Two files, both resampled to `sample_rate` Hz when given. Raises as reading and the checks above do."""
        return cls(Recording.read(dry, sample_rate), Recording.read(wet, sample_rate), dict(controls or {}))

    @property
    def sample_rate(self) -> int:
        """Of both, in Hz."""
        return self.dry.sample_rate

    @property
    def channels(self) -> int:
        """Of both, 1 or 2."""
        return self.dry.channels

    @property
    def name(self) -> str:
        """The wet file's name without folder and ending."""
        return Path(self.wet.name).stem


def pairs_in(folder: Pathlike) -> list[Pair]:
    """The pairs of a folder, read: see `files_in`."""
    return [Pair.read(dry, wet) for dry, wet in files_in(folder)]


def files_in(folder: Pathlike) -> list[tuple[Path, Path]]:
    """Dry and wet of a folder, sorted: NAME_dry and NAME_wet (or input and target), or dry/NAME and wet/NAME.

    Files that are neither are left alone. Raises ValueError when a dry has no wet, or nothing is found.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is no folder: name the folder that holds the pairs")
    found = sorted(_beside(folder) + _apart(folder))
    if not found:
        raise ValueError(f"{folder} holds no pairs: name files NAME_dry.wav and NAME_wet.wav, or make a manifest")
    return found


def wet_of(dry: Path) -> Path | None:
    """The wet file beside a file called NAME_dry; None for a file of another name. ValueError when it is missing."""
    return _wet_of(dry, _by_stem(dry.parent))


def _wet_of(dry: Path, beside: Mapping[str, list[Path]]) -> Path | None:
    name, mark, role = dry.stem.rpartition("_")
    if not mark or role.lower() not in _DRY:
        return None
    return _partner(dry, dry.parent, beside, [f"{name}_{wet}" for wet in _WET])


def _beside(folder: Path) -> list[tuple[Path, Path]]:
    beside = _by_stem(folder)
    found = ((dry, _wet_of(dry, beside)) for files in beside.values() for dry in files)
    return [(dry, wet) for dry, wet in found if wet is not None]


def _apart(folder: Path) -> list[tuple[Path, Path]]:
    for dry, wet in zip(_DRY, _WET, strict=True):
        if (folder / dry).is_dir() and (folder / wet).is_dir():
            other = _by_stem(folder / wet)
            files = (file for same in _by_stem(folder / dry).values() for file in same)
            return [(file, _partner(file, folder / wet, other, [file.stem])) for file in files]
    return []


def _partner(dry: Path, folder: Path, files: Mapping[str, list[Path]], stems: list[str]) -> Path:
    matches = [file for stem in dict.fromkeys(map(str.lower, stems)) for file in files.get(stem, [])]
    if len(matches) != 1:
        raise ValueError(f"{dry} has {len(matches)} wet files in {folder}, but must have one: name it {stems[0]}")
    return matches[0]


def _by_stem(folder: Path) -> dict[str, list[Path]]:
    """The audio files of a folder by their names without ending, in small letters: looked up, not searched."""
    found: dict[str, list[Path]] = {}
    for file in sorted(folder.iterdir()):
        if file.suffix.lower() in _ENDINGS and file.is_file():
            found.setdefault(file.stem.lower(), []).append(file)
    return found


def _layout(recording: Recording) -> str:
    return "mono" if recording.channels == 1 else "stereo"
