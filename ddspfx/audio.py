"""Audio files: read, written, and passed block by block. Every failure is one line that names the file and a cure."""

import contextlib
import os
import re
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Samples = NDArray[np.float32]
Pathlike = str | os.PathLike[str]

_READABLE = {".wav", ".wave", ".w64", ".rf64", ".flac", ".aif", ".aiff", ".aifc", ".ogg", ".oga", ".opus", ".mp3"}
_WRITABLE = {".wav": ("WAV", "FLOAT"), ".flac": ("FLAC", "PCM_24")}
_FULL_SCALE_24_BIT = 1.0 - 2.0**-23
_LARGEST_WAV = 2**32 - 4096
_UNKNOWN_SIZE = 2**32 - 4096
_BLOCK = 65_536


class AudioInfo(NamedTuple):
    """What the header of a file says."""

    channels: int
    frames: int
    sample_rate: int


def audio_info(path: Pathlike) -> AudioInfo:
    """Channels, frames and sample rate of a file, checked but not read. Raises as `read_audio` does."""
    with _opened(Path(path)) as file:
        return AudioInfo(file.channels, file.frames, file.samplerate)


def read_audio(path: Pathlike, sample_rate: int | None = None) -> tuple[Samples, int]:
    """The samples of a WAV, FLAC, AIFF or OGG file, (channels, samples) in float32, and their rate in Hz.

    Float files keep values above full scale. With `sample_rate` the sound is resampled to it (soxr, VHQ).
    Raises OSError when the file cannot be opened, ValueError when it is no audio, truncated, empty, not finite,
    or has more than two channels.
    """
    with _opened(Path(path)) as file:
        pieces = [piece.copy() for piece in _pieces(file, Path(path), _BLOCK)]
        rate = int(file.samplerate)
    x = np.concatenate(pieces, axis=1)
    return (x, rate) if sample_rate is None else (resampled(x, rate, sample_rate), int(sample_rate))


def blocks(path: Pathlike, size: int) -> Iterator[Samples]:
    """The file in blocks (channels, size), the last one shorter, in constant memory. Raises as `read_audio` does."""
    if size < 1:
        raise ValueError(f"size is {size}, but must be at least 1 sample")
    with _opened(Path(path)) as file:
        yield from _pieces(file, Path(path), size)


def resampled(x: ArrayLike, old_rate: float, new_rate: float) -> Samples:
    """(channels, samples) from one rate in Hz to another (soxr, VHQ); the type stays, the same rate is a copy."""
    if new_rate < 1:
        raise ValueError(f"sample_rate is {new_rate}, but must be at least 1 Hz")
    x = np.asarray(x)
    if old_rate == new_rate:
        return x.copy()
    import soxr

    y: Samples = soxr.resample(np.ascontiguousarray(x.T), old_rate, new_rate, quality="VHQ").T
    return np.ascontiguousarray(y)


def write_audio(path: Pathlike, x: ArrayLike, sample_rate: int) -> None:
    """Writes (channels, samples) or (samples,) as WAV (32-bit float) or FLAC (24 bit), by the name's ending.

    Nothing is clipped: FLAC refuses samples above full scale. The file appears complete or not at all.
    Raises OSError when it cannot be written, ValueError for another ending or for samples that are not finite.
    """
    x = np.atleast_2d(np.asarray(x))
    with writer(path, x.shape[0], sample_rate) as write:
        for start in range(0, x.shape[1], _BLOCK):
            write(x[:, start : start + _BLOCK])


@contextlib.contextmanager
def writer(path: Pathlike, channels: int, sample_rate: int) -> Iterator[Callable[[ArrayLike], None]]:
    """`with writer(path, channels, sample_rate) as write: write(block)`, blocks of (channels, samples).

    A file beside `path` takes the blocks and gets its name at the end, so nothing half-written is ever seen.
    Raises as `write_audio` does.
    """
    path = Path(path)
    kind, subtype = _destination(path, channels)
    part = path.with_name(f".{path.stem[:100]}.{uuid.uuid4().hex[:8]}{path.suffix}")
    try:
        with _created(part, path, channels, sample_rate, kind, subtype) as file:
            yield lambda x: _write(file, path, np.asarray(x), channels)
        _complete(part, path)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _pieces(file: Any, path: Path, size: int) -> Iterator[Samples]:
    """Blocks of an open file, each checked; the last thing checked is that all promised frames came."""
    import soundfile

    count = 0
    while count < file.frames:
        try:
            x: Samples = file.read(size, dtype="float32", always_2d=True).T
        except soundfile.LibsndfileError as error:
            raise ValueError(_truncated(path, file.frames, count)) from error
        if x.shape[1] == 0:
            raise ValueError(_truncated(path, file.frames, count))
        if not np.isfinite(x).all():
            where = (count + int(np.argmin(np.isfinite(x).all(0)))) / file.samplerate
            raise ValueError(f"{path} holds NaN or infinite samples, the first at {where:.3f} s: export it again")
        count += x.shape[1]
        yield x


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The open file, its header checked."""
    import soundfile

    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder, but must be an audio file: name a file in it")
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist: check the name and the folder")
    if path.suffix.lower() not in _READABLE:
        raise ValueError(f"{path} ends in {path.suffix!r}, but must be WAV, FLAC, AIFF or OGG: convert it first")
    if not os.access(path, os.R_OK):
        raise PermissionError(f"{path} may not be read: change its permissions")
    if path.stat().st_size == 0:
        raise ValueError(f"{path} is empty (0 bytes): record or export it again")
    try:
        file = soundfile.SoundFile(path)
    except soundfile.LibsndfileError as error:
        reason = error.error_string.rstrip(".")
        raise ValueError(
            f"{path} is no audio that can be read ({reason}): give a WAV, FLAC, AIFF or OGG file"
        ) from None
    with file:
        _check_header(file, path)
        yield file


def _check_header(file: Any, path: Path) -> None:
    found = re.search(r"^\s*(data|SSND)\s*:\s*(\d+) \(should be (\d+)\)", file.extra_info, re.MULTILINE)
    if found and _UNKNOWN_SIZE > int(found[2]) > int(found[3]):
        offset = 8 if found[1] == "SSND" else 0  # AIFF counts two words before the samples
        frame = max((int(found[3]) - offset) // max(file.frames, 1), 1)
        raise ValueError(_truncated(path, (int(found[2]) - offset) // frame, file.frames))
    if file.frames < 1:
        raise ValueError(f"{path} is empty (0 samples): record or export it again")
    if file.channels > 2:
        raise ValueError(f"{path} has {file.channels} channels, but must have 1 or 2: export one or two of them")


def _truncated(path: Path, promised: int, held: int) -> str:
    return f"{path} is truncated: its header promises {promised} samples but it holds {held}: copy or export it again"


def _destination(path: Path, channels: int) -> tuple[str, str]:
    """Format and subtype for a name, after everything that can be known before writing."""
    if path.suffix.lower() not in _WRITABLE:
        raise ValueError(f"{path} ends in {path.suffix!r}, but must end in .wav or .flac: change the name")
    if channels not in (1, 2):
        raise ValueError(f"channels is {channels}, but must be 1 or 2 to write {path}: pass (channels, samples)")
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder, but must be a file name: add one")
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"{path.parent} does not exist, so {path.name} cannot be written there: make the folder"
        )
    return _WRITABLE[path.suffix.lower()]


@contextlib.contextmanager
def _created(part: Path, path: Path, channels: int, sample_rate: int, kind: str, subtype: str) -> Iterator[Any]:
    import soundfile

    try:
        with soundfile.SoundFile(part, "w", int(sample_rate), channels, subtype, format=kind) as file:
            yield file
    except soundfile.LibsndfileError as error:
        raise _unwritten(path, error.error_string.rstrip(".")) from None


def _unwritten(path: Path, reason: str) -> OSError:
    return OSError(f"{path} cannot be written ({reason}): check permissions and free space")


def _write(file: Any, path: Path, x: NDArray[Any], channels: int) -> None:
    x = np.atleast_2d(x)
    if x.shape[0] != channels:
        raise ValueError(f"a block for {path} has shape {x.shape}, but must be ({channels}, samples)")
    if not np.isfinite(x).all():
        raise ValueError(f"{path} was given NaN or infinite samples: nothing was written")
    if file.format == "FLAC":
        x = _within_full_scale(x, path)
    if file.format == "WAV" and 4 * channels * (file.frames + x.shape[1]) > _LARGEST_WAV:
        raise ValueError(f"{path} would pass 4 GiB, the most a WAV holds: write FLAC, or in parts")
    before = file.frames
    try:
        file.write(np.ascontiguousarray(x.T))
    except AssertionError:  # soundfile asserts that all frames went out; they do not on a full disk
        raise _unwritten(path, "the disk or quota is full") from None
    if file.frames != before + x.shape[1]:
        raise _unwritten(path, "the disk or quota is full")


def _within_full_scale(x: NDArray[Any], path: Path) -> NDArray[Any]:
    """Exactly +1.0 is one step above the largest 24-bit number and becomes it; more is refused."""
    peak = float(np.max(np.abs(x), initial=0.0))
    if peak > 1.0:
        raise ValueError(f"{path} cannot hold a peak of {peak:.4g}, FLAC ends at 1: lower the level or write .wav")
    held: NDArray[Any] = np.minimum(x, _FULL_SCALE_24_BIT)
    return held


def _complete(part: Path, path: Path) -> None:
    """A full disk may show only when the last buffer goes out: the file must be as long as its header says."""
    import soundfile

    try:
        with soundfile.SoundFile(part) as file:
            if "should be" not in file.extra_info:
                return
    except soundfile.LibsndfileError:
        pass
    raise _unwritten(path, "the disk or quota is full")
