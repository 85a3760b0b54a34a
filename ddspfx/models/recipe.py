"""What a named model is: how to make it for a recording, and how to fit it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np

from ddspfx.block import AbstractBlock
from ddspfx.blocks.add import Add
from ddspfx.blocks.chain import Serial
from ddspfx.blocks.delay import VariableDelay
from ddspfx.blocks.fir import FIR
from ddspfx.control import Control, Switch
from ddspfx.slot import SlotLike
from ddspfx.source.noise import Noise
from ddspfx.types import RandomKey

THIRD_OCTAVES = tuple(float(f) for f in np.round(1_000.0 * 2.0 ** (np.arange(-12, 13) / 3), 1))
"""Hz, 62.5 to 16,000: where the spectrum of hiss is described."""
TAPS = 1_024
PRE_ROLL = 32
"""Taps before the main one: what a linear-phase converter rings before the sound."""


@dataclass(frozen=True)
class Setting:
    """What a model is made for.

    The sample rate, how far the delay wanders (seconds, None for a steady device), a key, and the knobs of the
    recordings as (name, least, greatest, unit) or (name, choices): every model is made to be turned by them.
    """

    sample_rate: int = 44_100
    wander: tuple[float, float] | None = (-0.01, 0.01)
    key: RandomKey = field(default_factory=lambda: jax.random.key(0))
    numbers: tuple[tuple[str, float, float], ...] = ()
    choices: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def knobs(self) -> tuple[Control | Switch, ...]:
        """The knobs as a network reads them."""
        turned = [Control(name, low, high) for name, low, high in self.numbers]
        return (*turned, *(Switch(name, words) for name, words in self.choices))

    def turned(self, place: int, value: float, points: int = 5) -> SlotLike:
        """What fills a slot that the knob number `place` may turn: the knob, flat at first, or `value` without one."""
        if place < len(self.numbers):
            name, low, high = self.numbers[place]
            return Control(name, low, high, start=value, stop=value, points=points)
        place -= len(self.numbers)
        if place < len(self.choices):
            name, words = self.choices[place]
            return Switch(name, dict.fromkeys(words, value))
        return value


@dataclass(frozen=True)
class Recipe:
    """A model by name: what it is, how to make it, the settings it is fitted with, and what a pass costs.

    `cost` is microseconds a sample of one pass on two ordinary cores; a plan that fits into given minutes is
    made from it and not from a clock, so that the same fit does the same steps every time.
    """

    name: str
    summary: str
    build: Callable[[Setting], AbstractBlock]
    settings: Mapping[str, Any] = field(default_factory=dict)
    cost: float = 1.0
    kind: str = "grey"
    presets: Mapping[str, Callable[[Setting], AbstractBlock]] = field(default_factory=dict)

    def playable(self, setting: Setting, preset: str | None = None) -> AbstractBlock:
        """The model to be heard without a fit: a preset with its knobs, the first where none is asked for.

        Raises ValueError for a preset that the model has not.
        """
        if preset is None:
            return next(iter(self.presets.values()), self.build)(setting)
        if preset not in self.presets:
            known = ", ".join(self.presets) or "none"
            raise ValueError(f"preset is {preset!r}, but {self.name} has: {known}")
        return self.presets[preset](setting)


def transport(setting: Setting) -> dict[str, AbstractBlock]:
    """The delay line that plays a recording's trajectory, none for a steady device."""
    if setting.wander is None:
        return {}
    low, high = setting.wander
    return {"transport": VariableDelay(low, high, (low + high) / 2, "lagrange7")}


def tail(setting: Setting) -> dict[str, AbstractBlock]:
    """A free linear response, solved in closed form, and hiss of a free spectrum."""
    taps = np.eye(1, TAPS, PRE_ROLL)[0]
    hiss = Noise.shaped(THIRD_OCTAVES, [0.0] * len(THIRD_OCTAVES), seed=1)
    return {"replay": FIR(taps, PRE_ROLL), "hiss": Add(hiss, -90.0)}


def chain(setting: Setting, **front: AbstractBlock) -> Serial:
    """The front, then transport, replay response and hiss: y = G * s(x(n - d(n))) + e."""
    return Serial(**front, **transport(setting), **tail(setting))
