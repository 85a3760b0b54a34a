"""A recording: samples, their rate, and a name to speak of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ddspfx.audio import Pathlike, read_audio, resampled


@dataclass(frozen=True, eq=False)
class Recording:
    """Samples (channels, samples), one or two channels, at `sample_rate` Hz.

    (samples,) is taken as one channel. Raises ValueError when empty, not finite, or of more than two channels.
    """

    samples: NDArray[Any]
    sample_rate: int
    name: str = "recording"

    def __post_init__(self) -> None:
        x = np.asarray(self.samples)
        x = x[None, :] if x.ndim == 1 else x
        x = x if np.issubdtype(x.dtype, np.floating) else x.astype(np.float32)
        _check(x, self.sample_rate, self.name)
        object.__setattr__(self, "samples", x)
        object.__setattr__(self, "sample_rate", int(self.sample_rate))

    @classmethod
    def read(cls, path: Pathlike, sample_rate: int | None = None) -> Self:
        """A file, resampled to `sample_rate` Hz when given. Raises as `ddspfx.audio.read_audio` does."""
        return cls(*read_audio(path, sample_rate), name=str(Path(path)))

    @property
    def channels(self) -> int:
        """1 or 2."""
        return int(self.samples.shape[0])

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return int(self.samples.shape[1]) / self.sample_rate

    def resampled(self, sample_rate: int) -> Self:
        """The same sound at another rate in Hz (soxr, VHQ)."""
        return type(self)(resampled(self.samples, self.sample_rate, sample_rate), sample_rate, self.name)


def _check(x: NDArray[Any], sample_rate: int, name: str) -> None:
    if x.ndim != 2 or x.shape[0] not in (1, 2):
        raise ValueError(
            f"{name} has shape {x.shape}, but must be (channels, samples) with 1 or 2 channels: transpose?"
        )
    if x.shape[1] == 0:
        raise ValueError(f"{name} is empty (0 samples): record or export it again")
    if not np.isfinite(x).all():
        raise ValueError(f"{name} holds NaN or infinite samples: export it again")
    if int(sample_rate) != sample_rate or sample_rate < 1:
        raise ValueError(f"sample_rate of {name} is {sample_rate}, but must be a whole number of Hz, at least 1")
