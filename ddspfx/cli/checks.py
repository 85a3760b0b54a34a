"""What can be known before the work begins: inputs that can be heard, outputs that can be written."""

import contextlib
import shutil
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

from ddspfx.cli.names import MODELS
from ddspfx.cli.unbroken import load
from ddspfx.data.pair import Pair

SHORTEST = 64
"""Samples below which nothing can be said of a pair."""


def pair_of(dry: Path, wet: Path) -> Pair:
    """Both files, read and checked. Raises ValueError when one is silent, and as `Pair.read` does."""
    return heard(Pair.read(dry, wet))


def heard(pair: Pair) -> Pair:
    """The pair. Raises ValueError when one of its files is too short to be compared, or silent."""
    load("ddspfx.alignment.align")
    from ddspfx.alignment.checks import is_silent

    for recording in (pair.dry, pair.wet):
        count = recording.samples.shape[1]
        if count < SHORTEST:
            raise ValueError(f"{recording.name} has {count} samples, but must have at least {SHORTEST}: record longer")
        if is_silent(recording.samples):
            raise ValueError(f"{recording.name} is silent, but must hold sound: record or export it again")
    return pair


def not_over(out: Path, *inputs: Path | None) -> None:
    """Raises ValueError when an output would replace an input, or something that is not a file."""
    for given in inputs:
        if given is not None and out.exists() and given.exists() and out.samefile(given):
            raise ValueError(f"OUT is {out}, which is the input too, but must be another file: change the name")
    if out.exists() and not out.is_file():
        raise ValueError(f"OUT is {out}, which is no ordinary file: name a new file")
    if not out.parent.is_dir():
        raise FileNotFoundError(f"{out.parent} does not exist, so {out.name} cannot be written there: make the folder")


def pilot_of(pilot: str | None) -> int | str | None:
    """A pilot's channel as it was given: a number, or L or R."""
    return int(pilot) if pilot is not None and pilot.isdigit() else pilot


def writable(out: Path) -> None:
    """Raises OSError when nothing can be written beside an output that is made only at the end of long work."""
    probe = out.parent / f".{uuid.uuid4().hex[:8]}.part"
    try:
        probe.touch()
    except OSError as error:
        raise type(error)(f"{out} cannot be written there: choose another place") from error
    probe.unlink()


@contextlib.contextmanager
def run_folder(folder: Path) -> Iterator[Path]:
    """The folder, made if need be and writable; a new one goes again when the work fails with nothing to resume."""
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"--out is {folder}, which is a file, but must be a folder: choose another name")
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".{uuid.uuid4().hex[:8]}.part"
        probe.touch()
        probe.unlink()
        yield folder
    except BaseException:
        if missing and not resumable(folder):
            shutil.rmtree(folder, ignore_errors=True)
        for place in missing:
            with contextlib.suppress(OSError):
                place.rmdir()
        raise


def resumable(folder: Path) -> bool:
    """Whether a fit in this folder has left something to go on from."""
    return any(folder.rglob("checkpoint.safetensors"))


def known_model(name: str, also: Sequence[str] = ()) -> str:
    """The name. Raises ValueError, with the names there are, for another."""
    known = (*also, *MODELS)
    if name not in known:
        raise ValueError(f"--model is {name!r}, but must be one of {', '.join(known)}: see `ddspfx models`")
    return name


def finished_run(folder: Path) -> Path:
    """The folder. Raises ValueError when it holds no finished run."""
    if not folder.is_dir():
        raise ValueError(f"RUN is {folder}, which is no folder, but must be one that `ddspfx fit` made: check the name")
    if not (folder / "run.json").is_file():
        unfinished = "it is not finished: run `ddspfx fit` again with --resume"
        cure = unfinished if resumable(folder) else "give one that a fit made"
        raise ValueError(f"{folder} holds no run: {cure}")
    return folder


def minutes_of(minutes: float) -> float:
    """The minutes. Raises ValueError unless they are positive and finite."""
    if not 0 < minutes < float("inf"):
        raise ValueError(f"--minutes is {minutes:g}, but must be a number above 0: give for example 5")
    return minutes
