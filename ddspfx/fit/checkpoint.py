"""Where a fit stands, on disk: safetensors with a line of JSON, written whole or not at all, no pickle."""

import json
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ddspfx.fit.takes import Take
from ddspfx.storage import write_atomically

Tree = TypeVar("Tree")


def write(path: Path, trees: Any, notes: dict[str, Any]) -> None:
    """All arrays of `trees` in order, and `notes`."""
    from safetensors.numpy import save

    arrays = [leaf for leaf in jax.tree.leaves(trees) if eqx.is_array(leaf)]
    packed = {f"{place:05d}": np.asarray(leaf, order="C") for place, leaf in enumerate(arrays)}
    write_atomically(path, save(packed, {"notes": json.dumps(notes)}))


def read(path: Path, like: Tree) -> tuple[Tree, dict[str, Any]]:
    """The trees, with the structure of `like`, and the notes. ValueError when the file is damaged or of another fit."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            notes: dict[str, Any] = json.loads(file.metadata()["notes"])
            arrays = [file.get_tensor(name) for name in sorted(file.keys())]
    except (SafetensorError, OSError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is damaged ({error}): start the fit again without resume") from error
    leaves, shape = jax.tree.flatten(like)
    wanted = [leaf for leaf in leaves if eqx.is_array(leaf)]
    if [a.shape for a in arrays] != [w.shape for w in wanted]:
        raise ValueError(f"{path} belongs to another model or other pairs: start the fit again without resume")
    stored = iter(arrays)
    filled = [jnp.asarray(next(stored), leaf.dtype) if eqx.is_array(leaf) else leaf for leaf in leaves]
    tree: Tree = jax.tree.unflatten(shape, filled)
    return tree, notes


def fingerprint(takes: Sequence[Take]) -> list[int]:
    """A checksum of each take's dry and wet, so that a fit is not resumed on other recordings."""
    return [zlib.crc32(t.wet.tobytes(), zlib.crc32(t.dry.tobytes())) for t in takes]
