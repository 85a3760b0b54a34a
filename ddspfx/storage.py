"""A model as data: a JSON description beside safetensors weights. Loading runs no code from the file."""

import dataclasses
import hashlib
import importlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ddspfx.slot import Range

VERSION = 1
NAME = "model.json"
_HOMES = ("ddspfx.", "equinox.nn.")


def write_atomically(path: Path, content: bytes) -> None:
    """Writes to a temporary file beside `path`, then renames: `path` is never half-written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


class _Writer:
    """Walks a model and puts its arrays aside."""

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray] = {}

    def describe(self, node: Any, path: str) -> Any:
        if node is None or isinstance(node, bool | int | float | str):
            return node
        if isinstance(node, Range):
            return {"range": list(node)}
        if eqx.is_array(node) or isinstance(node, np.ndarray | np.generic):
            self.arrays[path] = np.asarray(node)
            return {"array": path}
        if isinstance(node, eqx.Module):
            return self._module(node, path)
        if isinstance(node, dict) and all(isinstance(key, str) for key in node):
            return {"dict": {key: self.describe(value, f"{path}.{key}") for key, value in node.items()}}
        if isinstance(node, list | tuple):
            kind = "tuple" if isinstance(node, tuple) else "list"
            return {kind: [self.describe(value, f"{path}.{place}") for place, value in enumerate(node)]}
        raise ValueError(
            f"{path} is {type(node).__name__}, which cannot be saved as data: "
            "save the weights with this model's `leaves` and rebuild it in code"
        )

    def _module(self, node: eqx.Module, path: str) -> Any:
        kind = type(node)
        fields = {
            field.name: self.describe(getattr(node, field.name), f"{path}.{field.name}")
            for field in dataclasses.fields(node)
            if hasattr(node, field.name)
        }
        return {"class": f"{kind.__module__}:{kind.__qualname__}", "fields": fields}


def save(model: Any, folder: str | Path) -> Path:
    """Writes `folder/model.json` and its weights, so that a kill at any moment leaves the old or the new model.

    The description names its weights file by the hash of its content and is renamed into place last.
    Raises ValueError for a model that holds something other than numbers, words, arrays and modules.
    """
    from safetensors.numpy import save as pack

    folder = Path(folder)
    writer = _Writer()
    description = writer.describe(model, "model")
    weights = pack({name: np.asarray(array, order="C") for name, array in writer.arrays.items()})
    file = f"model-{hashlib.sha256(weights).hexdigest()[:16]}.safetensors"
    shapes = {name: {"shape": list(a.shape), "dtype": str(a.dtype)} for name, a in writer.arrays.items()}
    text = {"format": "ddspfx", "version": VERSION, "weights": file, "arrays": shapes, "model": description}
    write_atomically(folder / file, weights)
    write_atomically(folder / NAME, json.dumps(text, indent=1).encode())
    for old in folder.glob("model-*.safetensors"):
        if old.name != file:
            old.unlink(missing_ok=True)
    return folder


def load(folder: str | Path, *, blocks: Sequence[type] = ()) -> Any:
    """The model saved in `folder`. `blocks` names your own block classes, where it holds any.

    Raises ValueError, in one line, for a folder without a model, an unknown version, a class that is neither
    ddspfx's own nor in `blocks`, and weights that are cut off or of another shape than described.
    """
    path = Path(folder) / NAME
    text = _read(path)
    if text.get("format") != "ddspfx":
        raise ValueError(f"{path} is not a ddspfx model: its format is {text.get('format')!r}")
    if text.get("version") != VERSION:
        raise ValueError(f"{path} has version {text.get('version')!r}, but this ddspfx reads {VERSION}: upgrade ddspfx")
    try:
        arrays = _weights(path.parent / str(text["weights"]), text["arrays"])
        own = {f"{kind.__module__}:{kind.__qualname__}": kind for kind in blocks}
        return _build(text["model"], arrays, own)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is damaged ({type(error).__name__}: {error}): save the model again") from error


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ValueError(f"{path.parent} holds no model: there is no {path.name}")
    try:
        text = json.loads(path.read_text())
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is damaged ({error}): save the model again") from error
    if not isinstance(text, dict):
        raise ValueError(f"{path} is not a ddspfx model")
    return text


def _weights(path: Path, described: dict[str, Any]) -> dict[str, np.ndarray]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    if not path.is_file():
        raise ValueError(f"{path} is missing: the model's weights belong beside its {NAME}")
    try:
        arrays: dict[str, np.ndarray] = load_file(path)
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path} is damaged ({error}): save the model again") from error
    for name, want in described.items():
        if name not in arrays:
            raise ValueError(f"{path} lacks {name}")
        have = arrays[name]
        if list(have.shape) != want["shape"] or str(have.dtype) != want["dtype"]:
            raise ValueError(
                f"{path}: {name} is {have.dtype}{list(have.shape)}, but must be {want['dtype']}{want['shape']}"
            )
    return arrays


def _class(name: str, own: dict[str, type]) -> type:
    if name in own:
        return own[name]
    module, _, qualname = name.partition(":")
    if not f"{module}.".startswith(_HOMES):
        raise ValueError(f"{name} is not a class of ddspfx: pass it in `blocks` when loading")
    try:
        found: Any = importlib.import_module(module)
        for step in qualname.split("."):
            found = getattr(found, step)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"{name} is unknown to this ddspfx: upgrade ddspfx") from error
    if not (isinstance(found, type) and issubclass(found, eqx.Module)):
        raise ValueError(f"{name} is not a module")
    return found


def _build(node: Any, arrays: dict[str, np.ndarray], own: dict[str, type]) -> Any:
    if not isinstance(node, dict):
        return node
    if "array" in node:
        array = arrays[node["array"]]
        return jnp.asarray(array, jax.dtypes.canonicalize_dtype(array.dtype))
    if "range" in node:
        return Range(*node["range"])
    if "tuple" in node or "list" in node:
        built = [_build(value, arrays, own) for value in node["tuple" if "tuple" in node else "list"]]
        return tuple(built) if "tuple" in node else built
    if "dict" in node:
        return {key: _build(value, arrays, own) for key, value in node["dict"].items()}
    kind = _class(node["class"], own)
    names = {field.name for field in dataclasses.fields(kind)}
    if not set(node["fields"]) <= names:
        extra = ", ".join(sorted(set(node["fields"]) - names))
        raise ValueError(f"{node['class']} has no {extra}: the model was saved by another version of ddspfx")
    module: Any = object.__new__(kind)
    for name, value in node["fields"].items():
        object.__setattr__(module, name, _build(value, arrays, own))
    return module
