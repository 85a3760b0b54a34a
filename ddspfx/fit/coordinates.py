"""The numbers of a model's slots as coordinates: each one's place in its range, 0 to 1, under the slot's path."""

from collections.abc import Sequence
from fnmatch import fnmatch
from typing import Any, NamedTuple, TypeVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ddspfx.blocks.turned import Turned
from ddspfx.control import Control, Switch
from ddspfx.listing import get, put, slots, walk
from ddspfx.slot import AbstractSlot, Param, Range

Model = TypeVar("Model")
Moves = Float[np.ndarray, " coordinates"]


class Coordinate(NamedTuple):
    """One number of one slot: its place in the slot's range (`share`), and its value in the slot's unit.

    `place` is the index of the number where a slot holds several. A knob's map moves as a whole, so that the slot of
    a `Control` or `Switch` is one coordinate, stated where the knob stands unturned.
    """

    path: str
    place: int | None
    range: Range
    share: float
    value: float

    @property
    def name(self) -> str:
        """The slot's path, and the number's index where it holds several."""
        return self.path if self.place is None else f"{self.path}[{self.place}]"


def coordinates(model: Any, freeze: Sequence[str] = ()) -> list[Coordinate]:
    """All numbers of all slots, in the order of the signal, but for the paths that match a pattern in `freeze`.

    A knob that a `Turned` holds is a coordinate of its own, and the slots that it turns are none.
    """
    found, turned = (
        [],
        {
            name
            for node in (model, *(node for _, node, _ in walk(model)))
            if isinstance(node, Turned)
            for name in node.knobs
        },
    )
    for slot in slots(model):
        if slot.value is None or any(fnmatch(slot.path, pattern) for pattern in freeze):
            continue
        if isinstance(slot.filling, Control) and slot.filling.name in turned:
            continue
        shares = np.atleast_1d(_shares(slot.filling, slot.range)).ravel()
        values = np.atleast_1d(np.asarray(slot.value, float)).ravel()
        single = np.ndim(slot.value) == 0
        for place, (share, value) in enumerate(zip(shares, values, strict=True)):
            found.append(Coordinate(slot.path, None if single else place, slot.range, float(share), float(value)))
    return found


def _shares(filling: AbstractSlot, range: Range) -> Any:
    if isinstance(filling, Control | Switch):
        filling = filling.at(filling.default)
    return np.asarray(filling.raw if isinstance(filling, Param) else 0.0, float)


def moved(model: Model, where: Sequence[Coordinate], moves: Moves) -> Model:
    """The model with each coordinate's share moved, and held within 0 and 1."""
    by_path: dict[str, list[tuple[int | None, float]]] = {}
    for one, move in zip(where, moves, strict=True):
        by_path.setdefault(one.path, []).append((one.place, float(np.clip(one.share + move, 0.0, 1.0)) - one.share))
    for path, steps in by_path.items():
        model = put(model, path, _shifted(get(model, path), steps))
    return model


def _shifted(filling: Any, steps: Sequence[tuple[int | None, float]]) -> Any:
    if isinstance(filling, Control | Switch):
        shares = jnp.asarray(filling.shares) + steps[0][1]
        return eqx.tree_at(lambda knob: knob.shares, filling, shares)
    raw = np.array(filling.raw, float)
    for place, step in steps:
        if place is None:
            raw = raw + step
        else:
            raw.ravel()[place] += step
    return eqx.tree_at(lambda slot: slot.raw, filling, jnp.asarray(raw, filling.raw.dtype))


def slope(one: Coordinate) -> float:
    """By how many of the slot's units the value moves a unit of share."""
    low, high = one.range.low, one.range.high
    return one.value * float(np.log(high / low)) if one.range.log else high - low


__all__ = ["Coordinate", "coordinates", "moved", "slope"]
