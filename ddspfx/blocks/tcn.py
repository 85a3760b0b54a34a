"""Causal dilated convolutions: a temporal convolutional network, gated or not."""

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ddspfx.block import AbstractBlock
from ddspfx.blocks.conditioning import LEVEL, Conditioning, knobs, rate_ratio, read_controls, total_width, uniform
from ddspfx.blocks.gain import amplitude
from ddspfx.clock import Clock
from ddspfx.control import Control, Switch
from ddspfx.signal.delay import fixed_delay_state
from ddspfx.signal.dilated import Weights, dilated
from ddspfx.slot import AbstractSlot, SlotLike, param, read
from ddspfx.types import Audio, RandomKey, Scalar, State


class Layer(eqx.Module):
    """One dilated convolution: z = tanh(W * h), or tanh(W * h) sigmoid(V * h) when gated, then h + M z onwards.

    z goes to the output too, through `output`. A convolution is one matrix product of the delayed copies of h.
    """

    weight: Float[Array, "units kernel_channels"]
    bias: Float[Array, " units"]
    onwards: Float[Array, "channels channels"]
    output: Float[Array, " channels"]
    conditioning: Conditioning
    lags: tuple[int, ...] = eqx.field(static=True)

    def __init__(
        self,
        channels: int,
        lags: tuple[int, ...],
        gated: bool,
        features: int,
        conditioning: str,
        *,
        key: RandomKey,
    ):
        first, second, third, fourth = jax.random.split(key, 4)
        units, inputs = channels * (2 if gated else 1), channels * len(lags)
        self.lags, self.weight, self.bias = lags, uniform(first, (units, inputs), inputs), jnp.zeros(units)
        self.onwards = uniform(second, (channels, channels), channels)
        self.output = uniform(third, (channels,), channels)
        self.conditioning = Conditioning(conditioning, features, units, key=fourth)

    def at(self, ratio: float) -> tuple[float, ...]:
        """The lags in samples at `ratio` times the trained rate."""
        return tuple(lag * ratio for lag in self.lags)

    def __call__(
        self,
        h: Float[Array, "channels units samples"],
        features: Float[Array, "features samples"],
        past: Float[Array, "channels units memory"],
        ratio: float,
    ) -> tuple[Float[Array, "channels units samples"], Float[Array, "channels samples"], Array]:
        weights = Weights(self.weight, self.bias, self.onwards, self.output)
        condition = (lambda entered: self.conditioning(entered, features)) if features.size else None
        return dilated(weights, h, past, self.at(ratio), condition)


class TCN(AbstractBlock):
    """A temporal convolutional network: y = sum_l v_l . z_l / g + o / g (+ x), over layers h_0 = w g x, z_l, h_l.

    Layer l hears h_(l-1) at `kernel` lags, growth^l samples apart, so the network hears `receptive_field`
    samples. `gated` layers are WaveNet's. The controls enter each layer before its curve, by "film" or
    "concat". `level` (dB), `sample_rate` and `residual` are those of `GRU`: at a higher rate the lags are as many
    seconds, interpolated. Raises ValueError for a rate below `sample_rate`. Source: Steinmetz and Reiss (2022),
    "Efficient neural networks for real-time modeling of analog dynamic range compression"; gated: Damskägg,
    Juvela, Thuillier, Välimäki (2019), "Deep learning for tube amplifier emulation".
    """

    input: Float[Array, " channels"]
    layers: tuple[Layer, ...]
    offset: Scalar
    controls: tuple[AbstractSlot, ...]
    sample_rate: int = eqx.field(static=True)
    residual: bool = eqx.field(static=True)
    level: SlotLike = param(-60.0, 60.0, "dB")

    def __init__(
        self,
        channels: int = 16,
        layers: int = 8,
        kernel: int = 3,
        growth: int = 2,
        *,
        gated: bool = False,
        controls: Sequence[AbstractSlot] = (),
        conditioning: str = "film",
        sample_rate: int = 44_100,
        residual: bool = True,
        level: SlotLike = LEVEL,
        key: RandomKey,
    ):
        if min(channels, layers, growth) < 1 or kernel < 2:
            raise ValueError(
                f"channels, layers, kernel and growth are {channels}, {layers}, {kernel} and {growth}, "
                "but must be at least 1, and kernel 2"
            )
        self.controls, self.level = knobs(controls), level
        self.sample_rate, self.residual = int(sample_rate), bool(residual)
        first, *others = jax.random.split(key, layers + 1)
        self.input, self.offset = uniform(first, (channels,), 1), jnp.zeros(())
        features = total_width(controls)
        self.layers = tuple(
            Layer(channels, tuple(k * growth**place for k in range(kernel)), gated, features, conditioning, key=other)
            for place, other in enumerate(others)
        )

    @property
    def receptive_field(self) -> int:
        """How many samples at the trained rate, the present one among them, decide an output sample."""
        return 1 + sum(layer.lags[-1] for layer in self.layers)

    def init_state(self, channels: int, sample_rate: int) -> State:
        ratio, units = rate_ratio(sample_rate, self.sample_rate), self.input.size
        pasts = [fixed_delay_state(channels * units, layer.at(ratio)[-1]) for layer in self.layers]
        return tuple(past.reshape(channels, units, -1) for past in pasts)

    def __call__(self, x: Audio, state: State, clock: Clock) -> tuple[Audio, State]:
        ratio = rate_ratio(clock.sample_rate, self.sample_rate)
        gain = amplitude(read(self.level, x, clock))
        features = read_controls(self.controls, x.shape[1], clock)
        h = (gain * x)[:, None] * self.input[:, None]
        y, pasts = jnp.broadcast_to(self.offset, x.shape), []
        for layer, past in zip(self.layers, state, strict=True):
            h, heard, past = layer(h, features, past, ratio)
            y = y + heard
            pasts.append(past)
        return (x if self.residual else 0.0) + y / gain, tuple(pasts)

    @classmethod
    def examples(cls) -> tuple["TCN", ...]:
        knobs = (Control("drive", 0, 10, 5), Switch("speed", ("slow", "fast")))
        return (
            cls(4, 2, key=jax.random.key(0)),
            cls(3, 2, 2, gated=True, controls=knobs, residual=False, key=jax.random.key(1)),
        )
