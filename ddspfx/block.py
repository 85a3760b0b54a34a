"""The one abstraction: a causal audio process with explicit state, the same whole and in pieces."""

import abc
from typing import Any, TypeVar

import equinox as eqx
import jax

from ddspfx._xla import call_in_place
from ddspfx.clock import Clock
from ddspfx.slot import AbstractSource
from ddspfx.types import Audio, State

call_in_place()
Model = TypeVar("Model")


class AbstractBlock(eqx.Module):
    """An audio process whose parameters are a pytree and whose memory goes in and comes out.

    The law: for every way of cutting `x` into pieces, calling the block piece by piece, handing on the
    state and moving the clock, gives what one call on the whole gives. `ddspfx.testing.check_block` holds
    a block to it.
    """

    @abc.abstractmethod
    def init_state(self, channels: int, sample_rate: int) -> State:
        """The state before the first sample: a pytree of arrays."""

    @abc.abstractmethod
    def __call__(self, x: Audio, state: State, clock: Clock) -> tuple[Audio, State]:
        """The next samples, and the state after them. `clock` stands at the first sample of `x`."""

    def latency(self, sample_rate: int) -> float:
        """Processing delay in samples. An echo or a head gap is sound, not latency."""
        return 0.0

    def __str__(self) -> str:
        from ddspfx.listing import table

        return table(self)


def quiet(model: Model) -> Model:
    """The model with its random sources silenced: what it plays on average.

    Waveform losses, validation and `score` use it: a waveform loss with fresh noise drives the noise to
    zero, since no noise is the best guess of another noise.
    """

    def is_source(node: Any) -> bool:
        return isinstance(node, AbstractSource)

    def silence(node: Any) -> Any:
        return node.quiet() if is_source(node) else node

    silenced: Model = jax.tree.map(silence, model, is_leaf=is_source)
    return silenced
