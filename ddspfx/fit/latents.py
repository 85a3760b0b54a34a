"""What belongs to one recording and not to the device: its trajectory, its gain. Stacked, bound by path."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ddspfx.control import at, controls
from ddspfx.listing import put
from ddspfx.source.trajectory import Trajectory

Model = TypeVar("Model")
Latents = dict[str, Any]
"""By slot path: one tree whose leaves have a leading axis, a row a recording."""


def stack(rows: Sequence[Any]) -> Any:
    """One tree from several; trajectories of unequal length are prolonged by their last knot, as they play."""
    if all(isinstance(row, Trajectory) for row in rows):
        longest = max(row.knots.shape[-1] for row in rows)
        rows = [_prolonged(row, longest) for row in rows]
    return jax.tree.map(lambda *leaves: jnp.stack([jnp.asarray(leaf) for leaf in leaves]), *rows)


def _prolonged(row: Trajectory, knots: int) -> Trajectory:
    width = [(0, 0)] * (row.knots.ndim - 1) + [(0, knots - row.knots.shape[-1])]
    padded = jnp.asarray(np.pad(np.asarray(row.knots), width, mode="edge"))
    return Trajectory(row.base, padded, row.sample_rate, row.rate)


def unstack(latents: Latents, place: Any) -> Latents:
    """The row of one recording."""
    return {
        path: jax.tree.map(lambda leaf: leaf[place] if eqx.is_array(leaf) else leaf, node)
        for path, node in latents.items()
    }


def bind(model: Model, latents: Mapping[str, Any], knobs: Mapping[str, Any] | None = None) -> Model:
    """The model as it plays one recording: its latents in their slots, its knobs turned."""
    if knobs:
        model = at(model, **knobs)
    for path, node in latents.items():
        model = put(model, path, node)
    return model


def knob_columns(model: Any, settings: Sequence[Mapping[str, float | str]]) -> dict[str, Any]:
    """The knobs of all recordings as arrays, a row a recording; a switch as the index of its choice.

    Raises ValueError when a recording lacks a knob that another has, or has one the model lacks.
    """
    names = {name for row in settings for name in row}
    known = controls(model)
    columns = {}
    for name in sorted(names):
        if name not in known:
            raise ValueError(f"the pairs name the control {name!r}, but the model has: {', '.join(known) or 'none'}")
        missing = [place for place, row in enumerate(settings) if name not in row]
        if missing:
            raise ValueError(f"pair {missing[0] + 1} names no {name!r}, but others do: give every pair all controls")
        knob = known[name]
        values = [row[name] for row in settings]
        for value in values:
            knob.at(value)
        choices = getattr(knob, "choices", ())
        numbers = [choices.index(v) if isinstance(v, str) else v for v in values]
        columns[name] = jnp.asarray(numbers, jnp.int32 if choices else float)
    return columns
