"""Slots that hold still: what a source needs to know of itself at every moment at once."""

from ddspfx.clock import Clock
from ddspfx.slot import AbstractSlot, AbstractSource, SlotLike
from ddspfx.types import Readable


def refuse_source(slot: SlotLike, name: str) -> None:
    """Raises ValueError when a source fills a slot that must hold still."""
    if isinstance(slot, AbstractSource):
        raise ValueError(f"{name} is filled by {type(slot).__name__}, but must hold still: give a number or a knob")


def steady(slot: SlotLike, name: str, channels: int, clock: Clock) -> Readable:
    """The number in a slot, or one a channel as a column. Raises ValueError when a source fills it.

    A source is a function of the clock alone: a phase that follows a moving rate, or a spectrum that moves,
    would need a memory.
    """
    refuse_source(slot, name)
    if not isinstance(slot, AbstractSlot):
        raise TypeError(f"{slot!r} is not in a slot: declare the field with param(...)")
    value = slot.read(channels, 1, clock)
    return value[:, None] if value.ndim == 1 else value
