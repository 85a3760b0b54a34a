"""Knobs and switches: controls of the device with names and units of their own, and how to turn them."""

from collections.abc import Iterator, Mapping
from typing import Any, Self, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ddspfx.clock import Clock
from ddspfx.slot import AbstractKnob, AbstractSlot, AbstractSource, Param, Range, replace
from ddspfx.types import Readable

Model = TypeVar("Model")


class Control(AbstractKnob):
    """A knob: its name, range, unit and default, and the learned map from its place to the slot.

    In a slot, the map is piecewise linear through `points` values at evenly spaced places, which start on
    the line from `start` (the slot's value at the knob's low end) to `stop` and are parameters. A network
    reads the knob's place itself, -1 to 1, and learns the map in its own weights; then `start` and `stop`
    are left out. An unturned knob plays at its default.

        Tanh(Control("drive", 0, 10, default=5, start=0.0, stop=24.0))
    """

    name: str = eqx.field(static=True)
    range: Range = eqx.field(static=True)
    default: float = eqx.field(static=True)
    ends: tuple[float, float] | None = eqx.field(static=True)
    points: int = eqx.field(static=True)
    shares: Float[Array, " points"] | None
    slot: Range | None = eqx.field(static=True)

    def __init__(
        self,
        name: str,
        low: float,
        high: float,
        default: float | None = None,
        *,
        unit: str = "",
        start: float | None = None,
        stop: float | None = None,
        points: int = 2,
    ):
        if not low < high:
            raise ValueError(f"control {name!r}: low is {low} and high is {high}, but low must be the smaller")
        if (start is None) != (stop is None):
            raise ValueError(f"control {name!r}: give both start and stop, the slot's values at its ends")
        if points < 2:
            raise ValueError(f"control {name!r}: points is {points}, but a map needs at least 2")
        self.name, self.range = name, Range(float(low), float(high), unit)
        self.default = float((low + high) / 2 if default is None else default)
        self.range.check(self.default, f"control {name!r}: default")
        self.ends = None if start is None or stop is None else (float(start), float(stop))
        self.points, self.shares, self.slot = points, None, None

    def bind(self, range: Range) -> Self:
        if self.slot is not None:
            return self
        low, high = (range.low, range.high) if self.ends is None else self.ends
        range.check(np.array([low, high]), f"control {self.name!r}: start and stop")
        ends = range.share(np.array([low, high]))
        shares = ends[0] + (ends[1] - ends[0]) * jnp.linspace(0.0, 1.0, self.points)
        return replace(self, shares=shares, slot=range)

    def at(self, value: Any) -> AbstractSlot:
        """What the slot holds when the knob stands at `value`: a number, or automation in the knob's unit."""
        if isinstance(value, AbstractSource):
            return Turning(value, self)
        self.range.check(value, f"control {self.name!r}")
        place = self.range.share(value)
        if self.slot is None:
            return Setting(2 * place - 1)
        return Param(self.mapped(place), self.slot)

    def mapped(self, place: Float[Array, "..."]) -> Float[Array, "..."]:
        """The slot's share at a knob's place (0 to 1)."""
        if self.shares is None:
            return 2 * place - 1
        scaled = jnp.clip(place, 0.0, 1.0) * (self.points - 1)
        left = jnp.clip(jnp.floor(scaled), 0, self.points - 2).astype(jnp.int32)
        low = self.shares[left]
        return low + (scaled - left) * (self.shares[left + 1] - low)

    def read(self, channels: int, count: int, clock: Clock) -> Readable:
        return self.at(self.default).read(channels, count, clock)


class Switch(AbstractKnob):
    """A control with named positions, each with a learned value of its own.

        LowPass(Switch("speed", {"7.5 ips": 15_000.0, "3.75 ips": 8_000.0}))

    A network reads it as one number per choice, 1 for the chosen and 0 for the others.
    """

    name: str = eqx.field(static=True)
    choices: tuple[str, ...] = eqx.field(static=True)
    default: str = eqx.field(static=True)
    values: tuple[float, ...] | None = eqx.field(static=True)
    shares: Float[Array, " choices"] | None
    slot: Range | None = eqx.field(static=True)

    def __init__(self, name: str, choices: Mapping[str, float] | tuple[str, ...], default: str | None = None):
        self.name, self.choices = name, tuple(choices)
        self.values = tuple(float(v) for v in choices.values()) if isinstance(choices, Mapping) else None
        if not self.choices:
            raise ValueError(f"switch {name!r} has no choices")
        self.default = self.choices[0] if default is None else default
        self._place(self.default)
        self.shares, self.slot = None, None

    def _place(self, choice: str) -> int:
        if choice not in self.choices:
            raise ValueError(f"switch {self.name!r} is {choice!r}, but must be one of {', '.join(self.choices)}")
        return self.choices.index(choice)

    def bind(self, range: Range) -> Self:
        if self.slot is not None:
            return self
        if self.values is None:
            raise ValueError(f"switch {self.name!r}: in a slot every choice needs a value ({range})")
        range.check(np.array(self.values), f"switch {self.name!r}")
        shares = range.share(np.array(self.values))
        return replace(self, shares=shares, slot=range)

    def at(self, choice: Any) -> AbstractSlot:
        """What the slot holds at a choice, by name or by index."""
        place = self._place(choice) if isinstance(choice, str) else choice
        if self.shares is None or self.slot is None:
            return Setting(jnp.asarray(jnp.arange(len(self.choices)) == place, float))
        return Param(self.shares[place], self.slot)

    def read(self, channels: int, count: int, clock: Clock) -> Readable:
        return self.at(self.default).read(channels, count, clock)


class Setting(AbstractSlot):
    """A network's control, turned: a place from -1 to 1, or one number a choice."""

    place: Float[Array, "..."]

    def read(self, channels: int, count: int, clock: Clock) -> Readable:
        return self.place


class Turning(AbstractSource):
    """A control turned by a source, automation for instance, in the control's own unit."""

    source: AbstractSource
    control: Control

    def read(self, channels: int, count: int, clock: Clock) -> Readable:
        control = self.control
        share = control.mapped(control.range.share(self.source.read(channels, count, clock)))
        return share if control.slot is None else control.slot.at(share)

    def quiet(self) -> AbstractSource:
        return Turning(self.source.quiet(), self.control)


def features(control: AbstractSlot, count: int, clock: Clock) -> Float[Array, "features samples"]:
    """What a network reads of one of its controls: a row a feature, a column a sample."""
    value = control.read(1, count, clock)
    if value.ndim == 2:
        return value[:1]
    return jnp.broadcast_to(jnp.atleast_1d(value)[:, None], (value.size, count))


def width(control: AbstractSlot) -> int:
    """How many features a network reads of a control."""
    return len(control.choices) if isinstance(control, Switch) else 1


def _is_knob(node: Any) -> bool:
    return isinstance(node, AbstractKnob)


def controls(model: Any) -> dict[str, Control | Switch]:
    """The controls of a model by name, in the order in which they are met."""
    found: dict[str, Control | Switch] = {}
    for node in _knobs(model):
        found.setdefault(node.name, node)
    return found


def _knobs(model: Any) -> Iterator[Control | Switch]:
    for node in jax.tree.leaves(model, is_leaf=_is_knob):
        if isinstance(node, Control | Switch):
            yield node


def at(model: Model, **values: Any) -> Model:
    """The model with knobs turned: `at(model, year=1962, drive=automation)`.

    A value is a number in the knob's unit, a choice of a switch, or a source. Every knob of that name turns;
    the others go on playing at their defaults. Raises ValueError for a name that no control has, and for a
    value outside the control's range.
    """
    unknown = sorted(set(values) - set(controls(model)))
    if unknown:
        known = ", ".join(sorted(controls(model))) or "none"
        raise ValueError(f"no control is called {', '.join(unknown)}; this model has: {known}")

    def turn(node: Any) -> Any:
        return node.at(values[node.name]) if _is_knob(node) and node.name in values else node

    turned: Model = jax.tree.map(turn, model, is_leaf=_is_knob)
    return turned
