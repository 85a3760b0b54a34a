"""Slots: where a block reads a parameter, filled by a number, a source or a knob, and read the same way."""

import abc
import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple, Self, TypeAlias, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from ddspfx.clock import Clock
from ddspfx.types import Audio, Readable


class Range(NamedTuple):
    """The closed range of a slot, its unit, and whether it is walked in ratios."""

    low: float
    high: float
    unit: str
    log: bool = False

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g} {self.unit}".rstrip()

    def check(self, value: ArrayLike, what: str = "the value") -> None:
        """Raises ValueError when a concrete `value` is not finite or lies outside; a traced one passes."""
        if isinstance(value, jax.core.Tracer):
            return
        numbers = np.asarray(value, dtype=float)
        slack = 1e-6 * (self.high - self.low)
        if not np.all((numbers >= self.low - slack) & (numbers <= self.high + slack)):
            shown = f"{numbers:g}" if numbers.ndim == 0 else np.array2string(numbers, precision=4, threshold=6)
            raise ValueError(f"{what} is {shown} {self.unit}".rstrip() + f", but must be within {self}")

    def share(self, value: ArrayLike) -> Float[Array, "..."]:
        """Where `value` lies: 0 at the low end, 1 at the high end."""
        if self.log:
            return jnp.asarray(jnp.log(jnp.asarray(value, float) / self.low) / np.log(self.high / self.low))
        return (jnp.asarray(value, float) - self.low) / (self.high - self.low)

    def at(self, share: Float[Array, "..."]) -> Float[Array, "..."]:
        """The value at a share, clipped to the range; the slope passes, so an end can be left again."""
        clipped = share + jax.lax.stop_gradient(jnp.clip(share, 0.0, 1.0) - share)
        if self.log:
            return self.low * jnp.exp(float(np.log(self.high / self.low)) * clipped)
        return self.low + (self.high - self.low) * clipped


Node = TypeVar("Node", bound=eqx.Module)


def replace(node: Node, **fields: Any) -> Node:
    """A copy of a module with these fields as given, static ones too; nothing is converted or checked."""
    new = object.__new__(type(node))
    for field in dataclasses.fields(node):
        if field.name in fields or hasattr(node, field.name):
            object.__setattr__(new, field.name, fields.get(field.name, getattr(node, field.name, None)))
    return new


class AbstractSlot(eqx.Module):
    """Whatever may fill a slot."""

    @abc.abstractmethod
    def read(self, channels: int, count: int, clock: Clock) -> Readable:
        """The next `count` values in the slot's unit: a number, one a channel, or (channels or 1, count)."""


class Param(AbstractSlot):
    """A number in a closed range, stored as its place in the range (0 to 1).

    value = low + (high - low) raw, or low (high / low)^raw. Reading clips, so no optimiser can leave the
    range, and lets the slope pass, so a parameter that starts at an end can move away from it.
    """

    raw: Float[Array, "..."]
    range: Range = eqx.field(static=True)

    @property
    def value(self) -> Float[Array, "..."]:
        """The number, in the slot's unit."""
        return self.range.at(self.raw)

    def read(self, channels: int, count: int, clock: Clock) -> Readable:
        return self.value

    def __repr__(self) -> str:
        if isinstance(self.raw, jax.Array) and not isinstance(self.raw, jax.core.Tracer):
            numbers = np.asarray(self.value)
            text = f"{numbers:.4g}" if numbers.ndim == 0 else np.array2string(numbers, precision=4, threshold=6)
            return f"{text} {self.range.unit}".rstrip()
        return f"Param({self.range})"


class AbstractSource(AbstractSlot):
    """A signal that is a function of the clock alone: LFO, noise, trajectory, automation. It has no state."""

    @abc.abstractmethod
    def read(self, channels: int, count: int, clock: Clock) -> Readable:
        """The next `count` values: (channels, count), or (1, count) when all channels share them."""

    def bounds(self) -> tuple[float, float] | None:
        """Least and greatest value it can take, in its unit; None when it has none or they are not known."""
        return None

    def quiet(self) -> "AbstractSource":
        """The same source with what is random in it taken out: what it is on average."""
        return self


class Constant(AbstractSource):
    """A source that is one number for ever: what a random source becomes when it is silenced."""

    value: Float[Array, ""] | float = eqx.field(converter=lambda v: jnp.asarray(v, float), default=0.0)

    def read(self, channels: int, count: int, clock: Clock) -> Readable:
        return jnp.broadcast_to(self.value, (1, count))

    def bounds(self) -> tuple[float, float] | None:
        return (float(self.value), float(self.value))


class AbstractKnob(AbstractSlot):
    """A control of the device: it has a name and a place of its own, and a learned map to the slot."""

    @abc.abstractmethod
    def bind(self, range: Range) -> Self:
        """The same knob, made for a slot of this range."""


SlotLike: TypeAlias = AbstractSlot | float | Array | np.ndarray
"""What may be given for a slot. Once a block is made, the slot holds an `AbstractSlot`."""


def fill(given: Any, range: Range) -> AbstractSlot:
    """What a slot of this range holds once `given` is put into it. Raises ValueError when it does not fit."""
    if isinstance(given, AbstractKnob):
        return given.bind(range)
    if isinstance(given, AbstractSource):
        bounds = given.bounds()
        if bounds is not None:
            range.check(np.asarray(bounds), f"the span of {type(given).__name__}")
        return given
    if isinstance(given, AbstractSlot):
        return given
    if not _is_number(given):
        untouched: AbstractSlot = given
        return untouched  # an abstract leaf of a transformed tree passes untouched
    range.check(given)
    return Param(jnp.asarray(range.share(given)), range)


def _is_number(given: Any) -> bool:
    if isinstance(given, bool | str) or given is None:
        raise TypeError(f"a slot takes a number, a source or a control, not {given!r}")
    return isinstance(given, int | float | list | tuple | np.ndarray | np.generic | jax.Array)


def param(low: float, high: float, unit: str, *, default: float | None = None, log: bool = False) -> Any:
    """Declares a slot once; its range and unit reach the command line, the report and every export from here.

    `cutoff: SlotLike = param(20, 20_000, "Hz", default=1_000, log=True)`. The slot then takes a number (or
    one a channel or band), a source, or a `Control`; anything outside the closed range raises ValueError.
    """
    if not low < high or (log and low <= 0):
        raise ValueError(f"the range {low} to {high} is empty, or reaches zero on a logarithmic scale")
    range = Range(float(low), float(high), unit, log)
    converter: Callable[[Any], AbstractSlot] = lambda given: fill(given, range)  # noqa: E731
    given: dict[str, Any] = {} if default is None else {"default": default}
    return eqx.field(converter=converter, metadata={"range": range}, **given)


def read(slot: SlotLike, x: Audio, clock: Clock) -> Readable:
    """What `slot` holds for each sample of `x` (channels, samples), shaped to broadcast against `x`."""
    if not isinstance(slot, AbstractSlot):
        raise TypeError(f"{slot!r} is not in a slot: declare the field with param(...)")
    value = slot.read(x.shape[0], x.shape[1], clock)
    return value[:, None] if value.ndim == 1 else value
