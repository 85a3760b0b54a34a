"""What a model holds: its slots by path, as a list, as a table, and how to reach and replace one."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

import equinox as eqx
import jax
import numpy as np

from ddspfx.control import Control, Switch
from ddspfx.slot import AbstractSlot, AbstractSource, Param, Range, fill, replace

Model = TypeVar("Model")


class SlotInfo(NamedTuple):
    """One slot of a model: where it is, what it is called, its unit and range, and what fills it."""

    path: str
    name: str
    range: Range
    value: Any
    """A float, a nested list of them, or None where a source fills the slot."""
    filling: AbstractSlot

    @property
    def text(self) -> str:
        """The filling in a word or two."""
        filling = self.filling
        if isinstance(filling, Control):
            return f"{self.value:.4g} (knob {filling.name} at {filling.default:g} {filling.range.unit}".rstrip() + ")"
        if isinstance(filling, Switch):
            return f"{self.value:.4g} (switch {filling.name} at {filling.default})"
        if isinstance(filling, AbstractSource):
            return type(filling).__name__
        values = np.atleast_1d(np.asarray(self.value))
        return ", ".join(f"{v:.4g}" for v in values.ravel()[:4]) + (" …" if values.size > 4 else "")


def children(node: Any) -> Iterator[tuple[str, Any, Any]]:
    """Name, value and field metadata of what hangs below a node, blocks of a chain under their own names."""
    if isinstance(node, eqx.Module) and dataclasses.is_dataclass(node):
        blocks = getattr(node, "blocks", None)
        names = None if blocks is None else getattr(node, "names", None)
        for field in dataclasses.fields(node):
            if field.name == "blocks" and names is not None:
                yield from ((name, block, {}) for name, block in zip(names, blocks or (), strict=True))
            elif not field.metadata.get("static", False):
                yield field.name, getattr(node, field.name, None), _metadata(node, field)
    elif isinstance(node, dict):
        yield from ((str(key), value, {}) for key, value in node.items())
    elif isinstance(node, list | tuple):
        yield from ((str(place), value, {}) for place, value in enumerate(node))


def _metadata(node: Any, field: Any) -> Mapping[str, Any]:
    """A field's metadata. A block whose slots have ranges of its own says them in `ranges`."""
    own = getattr(node, "ranges", {}).get(field.name)
    return field.metadata if own is None else {**field.metadata, "range": own}


def walk(node: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Every node below `node` with its dotted path and the metadata of its field, parents first."""
    for name, value, metadata in children(node):
        here = f"{path}.{name}" if path else name
        yield here, value, metadata
        yield from walk(value, here)


def slots(model: Any) -> list[SlotInfo]:
    """The slots of a model, in the order of the signal."""
    found = []
    for path, value, metadata in walk(model):
        span = metadata.get("range", value.range if isinstance(value, Param) else None)
        if span is not None and isinstance(value, AbstractSlot):
            found.append(SlotInfo(path, path.rsplit(".", 1)[-1], span, _number(value), value))
    return found


def _number(filling: AbstractSlot) -> Any:
    if isinstance(filling, Control):
        filling = filling.at(filling.default)
    if isinstance(filling, Switch):
        filling = filling.at(filling.default)
    if not isinstance(filling, Param) or isinstance(filling.raw, jax.core.Tracer):
        return None
    return np.asarray(filling.value, dtype=float).tolist()


def paths(model: Model) -> Model:
    """A tree like `model` in which every leaf is its own dotted path; a `Param` goes under its slot's path."""
    keys, shape = jax.tree_util.tree_flatten_with_path(model)
    named: Model = jax.tree.unflatten(shape, [_dotted(model, key) for key, _ in keys])
    return named


def _dotted(node: Any, key: tuple[Any, ...]) -> str:
    steps: list[str] = []
    names: tuple[str, ...] | None = None
    for entry in key:
        step = str(getattr(entry, "name", getattr(entry, "idx", getattr(entry, "key", entry))))
        if step == "blocks" and hasattr(node, "names"):
            names, node = node.names, node.blocks
            continue
        steps.append(names[int(step)] if names is not None else step)
        names = None
        node = getattr(node, step) if hasattr(entry, "name") else node[getattr(entry, "idx", getattr(entry, "key", 0))]
    return ".".join(steps).removesuffix(".raw")


def get(model: Any, path: str) -> Any:
    """The node at a dotted path, `tone.cutoff`. Raises ValueError that lists what is there instead."""
    node = model
    for place, step in enumerate(path.split(".")):
        below = {name: value for name, value, _ in children(node)}
        if step not in below:
            where = ".".join(path.split(".")[:place]) or "the model"
            raise ValueError(f"no {step!r} in {where} (path {path!r}): there are {', '.join(below) or 'no parts'}")
        node = below[step]
    return node


def put(model: Model, path: str, node: Any) -> Model:
    """The model with `node` at a dotted path; a slot refuses what does not fit its range."""
    get(model, path)
    replaced: Model = _put(model, path.split("."), node)
    return replaced


def _put(node: Any, steps: list[str], new: Any) -> Any:
    if not steps:
        return new
    first, rest = steps[0], steps[1:]
    if isinstance(node, dict):
        return {**node, first: _put(node[first], rest, new)}
    if isinstance(node, list | tuple):
        return type(node)(_put(v, rest, new) if str(i) == first else v for i, v in enumerate(node))
    if hasattr(node, "blocks") and first in getattr(node, "names", ()):
        blocks = tuple(_put(b, rest, new) if n == first else b for n, b in zip(node.names, node.blocks, strict=True))
        return replace(node, blocks=blocks)
    field = next(f for f in dataclasses.fields(node) if f.name == first)
    value = _put(getattr(node, first), rest, new)
    metadata = _metadata(node, field)
    if not rest and "range" in metadata:
        value = fill(value, metadata["range"])
    elif not rest and "converter" in metadata:
        value = metadata["converter"](value)
    return replace(node, **{first: value})


def table(model: Any) -> str:
    """The slots of a model as aligned text: path, value, unit, range."""
    rows = [(s.path, s.text, s.range.unit, f"{s.range.low:g} … {s.range.high:g}") for s in slots(model)]
    weights = sum(leaf.size for leaf in jax.tree.leaves(eqx.filter(model, eqx.is_inexact_array)))
    head = f"{type(model).__name__}: {len(rows)} slots, {weights} numbers"
    if not rows:
        return head
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    lines = ["  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join([head, *(line.rstrip() for line in lines)])
