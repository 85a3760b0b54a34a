"""A model whose knobs are numbers to be fitted: one coordinate a knob, however many slots it turns."""

from typing import Any

import jax.numpy as jnp

from ddspfx.block import AbstractBlock
from ddspfx.blocks.curve import Tanh
from ddspfx.clock import Clock
from ddspfx.control import Control, at, controls
from ddspfx.slot import Param
from ddspfx.types import Audio, State


class Turned(AbstractBlock):
    """y = M(x) with knobs of M at places that are parameters: `Turned(Vinyl(), position=20.0, wow=0.2)`.

    A fit of M's slots would move each apart from the others that its knob turns; here `knobs.position` is one number in
    the knob's unit and range. Knobs that are not named play at their defaults. Raises ValueError for a name
    that no knob has, for a switch, and for a value outside the knob's range.
    """

    model: AbstractBlock
    knobs: dict[str, Param]

    def __init__(self, model: AbstractBlock, **values: float):
        at(model, **values)
        known, self.model, self.knobs = controls(model), model, {}
        for name, value in values.items():
            knob = known[name]
            if not isinstance(knob, Control):
                raise ValueError(f"{name} is a switch, but must be a knob: turn it with `at` before")
            self.knobs[name] = Param(jnp.asarray(knob.range.share(value)), knob.range)

    @property
    def turned(self) -> AbstractBlock:
        """The model as its knobs stand; a knob whose slot a recording's own trajectory has taken turns nothing."""
        there = controls(self.model)
        values: dict[str, Any] = {name: knob.value for name, knob in self.knobs.items() if name in there}
        return at(self.model, **values)

    def init_state(self, channels: int, sample_rate: int) -> State:
        return self.turned.init_state(channels, sample_rate)

    def __call__(self, x: Audio, state: State, clock: Clock) -> tuple[Audio, State]:
        return self.turned(x, state, clock)

    def latency(self, sample_rate: int) -> float:
        return self.model.latency(sample_rate)

    @classmethod
    def examples(cls) -> tuple["Turned", ...]:
        return (cls(Tanh(Control("drive", 0, 10, start=0.0, stop=12.0)), drive=4.0),)


__all__ = ["Turned"]
