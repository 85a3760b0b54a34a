"""A small dense network, memoryless or hearing a short window."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ddspfx.block import AbstractBlock
from ddspfx.blocks.conditioning import LEVEL, Conditioning, knobs, rate_ratio, read_controls, total_width, uniform
from ddspfx.blocks.gain import amplitude
from ddspfx.clock import Clock
from ddspfx.control import Control
from ddspfx.signal.delay import fixed_delay_state
from ddspfx.signal.dilated import delayed
from ddspfx.slot import AbstractSlot, SlotLike, param, read
from ddspfx.types import Audio, RandomKey, Scalar, State


class Dense(eqx.Module):
    """One layer of units: tanh(W h + b), conditioned before the curve."""

    weight: Float[Array, "units inputs"]
    bias: Float[Array, " units"]
    conditioning: Conditioning

    def __init__(self, inputs: int, units: int, features: int, conditioning: str, *, key: RandomKey):
        first, second, third = jax.random.split(key, 3)
        self.weight = uniform(first, (units, inputs), inputs)
        self.bias = uniform(second, (units,), inputs)
        self.conditioning = Conditioning(conditioning, features, units, key=third)

    def __call__(
        self, h: Float[Array, "channels inputs samples"], features: Float[Array, "features samples"]
    ) -> Float[Array, "channels units samples"]:
        return jnp.tanh(self.conditioning(self.weight @ h + self.bias[:, None], features))


class MLP(AbstractBlock):
    """A multilayer perceptron on the last `window` samples: y = (W h_L + o) / g (+ x), h_l = tanh(W_l h_(l-1) + b_l).

    h_0 holds g x now and up to window - 1 samples ago; `window=1` is a memoryless curve. `controls`,
    `conditioning`, `level` (dB), `sample_rate` and `residual` are those of `TCN`; a memoryless network runs at
    every rate, one with a window raises ValueError below `sample_rate`.
    """

    layers: tuple[Dense, ...]
    output: Float[Array, " units"]
    offset: Scalar
    controls: tuple[AbstractSlot, ...]
    window: int = eqx.field(static=True)
    sample_rate: int = eqx.field(static=True)
    residual: bool = eqx.field(static=True)
    level: SlotLike = param(-60.0, 60.0, "dB")

    def __init__(
        self,
        hidden: Sequence[int] = (16, 16),
        window: int = 1,
        *,
        controls: Sequence[AbstractSlot] = (),
        conditioning: str = "film",
        sample_rate: int = 44_100,
        residual: bool = True,
        level: SlotLike = LEVEL,
        key: RandomKey,
    ):
        if window < 1 or not hidden or min(hidden) < 1:
            raise ValueError(f"hidden is {hidden} and window is {window}, but all must be at least 1")
        self.controls, self.level, self.window = knobs(controls), level, window
        self.sample_rate, self.residual = int(sample_rate), bool(residual)
        last, *keys = jax.random.split(key, len(hidden) + 1)
        widths = zip((window, *hidden[:-1]), hidden, keys, strict=True)
        features = total_width(controls)
        self.layers = tuple(Dense(inputs, units, features, conditioning, key=k) for inputs, units, k in widths)
        self.output, self.offset = uniform(last, (hidden[-1],), hidden[-1]), jnp.zeros(())

    def _lags(self, sample_rate: int) -> list[float]:
        ratio = rate_ratio(sample_rate, self.sample_rate) if self.window > 1 else 1.0
        return [place * ratio for place in range(self.window)]

    def init_state(self, channels: int, sample_rate: int) -> State:
        return fixed_delay_state(channels, self._lags(sample_rate)[-1])[:, None]

    def __call__(self, x: Audio, state: State, clock: Clock) -> tuple[Audio, State]:
        gain = amplitude(read(self.level, x, clock))
        features = read_controls(self.controls, x.shape[1], clock)
        h, state = delayed((gain * x)[:, None], self._lags(clock.sample_rate), state)
        for layer in self.layers:
            h = layer(h, features)
        y = (self.output @ h + self.offset) / gain
        return (x + y if self.residual else y), state

    @classmethod
    def examples(cls) -> tuple[Any, ...]:
        knobs = (Control("drive", 0, 10, 5),)
        return cls((8, 8), key=jax.random.key(0)), cls((6,), 4, controls=knobs, key=jax.random.key(1))
