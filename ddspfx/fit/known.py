"""Where recordings lie against each other, kept between runs: aligning and tracking take longer than many a fit."""

import dataclasses
import hashlib
import json
from collections.abc import Callable
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from ddspfx.alignment.align import Alignment
from ddspfx.data.pair import Pair
from ddspfx.fit.profile import phase
from ddspfx.fit.takes import Take, prepare
from ddspfx.source.trajectory import Trajectory
from ddspfx.storage import write_atomically


def prepared(
    pair: Pair, folder: Path | None, say: Callable[[str], None] = lambda text: None, *, name: str | None = None
) -> Take:
    """`prepare`, aligned and tracked, with what it found kept in `folder` and taken from there the next time.

    An entry belongs to the samples of both recordings, to the text of this package and to the versions of NumPy
    and SciPy; with a `name` it is that name's alone, whatever may have changed since, as in a queue that runs for days.
    One that is damaged or cannot be written counts as none.
    """
    with phase("align"):
        return (
            prepare(pair, say=say) if folder is None else _prepared(pair, folder / "pairs" / (name or key(pair)), say)
        )


def _prepared(pair: Pair, entry: Path, say: Callable[[str], None]) -> Take:
    found = _read(entry)
    if found is None:
        take = prepare(pair, say=say)
        _write(entry, take)
        return take
    take = prepare(pair, tracked=False, say=say, alignment=found[0])
    say(f"{pair.name}: offset, speed and delay as they were found before")
    return dataclasses.replace(take, trajectory=found[1])


def key(pair: Pair) -> str:
    """A name for what `prepare` would find."""
    text = hashlib.blake2b(_program() + str(jnp.result_type(float)).encode(), digest_size=16)
    for recording in (pair.dry, pair.wet):
        text.update(f"{recording.sample_rate} {recording.samples.shape} {recording.samples.dtype}".encode())
        text.update(np.ascontiguousarray(recording.samples).data)
    return text.hexdigest()


@cache
def _program() -> bytes:
    """A hash of what computes: this package's own text, and the versions of what it computes with."""
    text = hashlib.blake2b(" ".join(version(name) for name in ("numpy", "scipy", "jaxlib")).encode())
    package = Path(__file__).parents[1]
    for path in sorted(package.rglob("*.py")):
        text.update(path.relative_to(package).as_posix().encode())
        text.update(path.read_bytes())
    return text.digest()


def _read(entry: Path) -> tuple[Alignment, Trajectory | None] | None:
    try:
        words: dict[str, Any] = json.loads(entry.with_suffix(".json").read_text(encoding="utf-8"))
        tracked = words.pop("tracked")
        fixed: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in words.items()
        }
        return Alignment(**fixed), Trajectory.load(entry.with_suffix(".safetensors")) if tracked else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _write(entry: Path, take: Take) -> None:
    words = {**dataclasses.asdict(take.alignment), "tracked": take.trajectory is not None}
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        if take.trajectory is not None:
            take.trajectory.save(entry.with_suffix(".safetensors"))
        write_atomically(entry.with_suffix(".json"), json.dumps(words, default=_plain).encode())
    except OSError:
        return


def _plain(value: Any) -> Any:
    """NumPy's numbers as Python's, which JSON writes exactly."""
    return value.item()
