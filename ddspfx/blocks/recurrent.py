"""Recurrent networks: GRU and LSTM, one small network heard by every channel."""

from collections.abc import Sequence
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ddspfx.block import AbstractBlock
from ddspfx.blocks.conditioning import LEVEL, knobs, rate_ratio, read_controls, total_width, uniform
from ddspfx.blocks.gain import amplitude
from ddspfx.clock import Clock
from ddspfx.control import Control, Switch
from ddspfx.signal.rnn import CELLS, GATES, Weights, fold, past_taps, recur, recur_delayed
from ddspfx.slot import AbstractSlot, SlotLike, param, read
from ddspfx.types import Audio, RandomKey, Scalar, State

MEMORIES = (1.0, 1_000.0)
"""Shortest and longest memory of the cells at the start, in samples."""


class AbstractRecurrent(AbstractBlock):
    """y = W h / g + o / g (+ x), h from a recurrent cell that reads g x and the controls; g = 10^(level / 20).

    One network is shared by all channels. The controls are further inputs, so automation turns them within a
    piece. At a rate above `sample_rate`, the rate it is trained at, it reads its past states as many seconds
    ago, interpolated.
    """

    input: eqx.AbstractVar[Float[Array, "inputs gates_hidden"]]
    recurrent: eqx.AbstractVar[Float[Array, "hidden gates_hidden"]]
    bias: eqx.AbstractVar[Float[Array, " four_hidden"]]
    output: eqx.AbstractVar[Float[Array, " hidden"]]
    offset: eqx.AbstractVar[Scalar]
    controls: eqx.AbstractVar[tuple[AbstractSlot, ...]]
    sample_rate: eqx.AbstractVar[int]
    residual: eqx.AbstractVar[bool]
    level: eqx.AbstractVar[SlotLike]
    cell: ClassVar[str]

    def init_state(self, channels: int, sample_rate: int) -> State:
        memory = self._taps(sample_rate).size
        return (jnp.zeros((memory, channels, self.output.size)),) * CELLS[self.cell]

    def _taps(self, sample_rate: int) -> Float[np.ndarray, " memory"]:
        return past_taps(rate_ratio(sample_rate, self.sample_rate))

    def __call__(self, x: Audio, state: State, clock: Clock) -> tuple[Audio, State]:
        gain = amplitude(read(self.level, x, clock))
        given = self._features(gain * x, clock)
        weights = fold(self.cell, Weights(self.input, self.recurrent, self.bias))
        taps = self._taps(clock.sample_rate)
        if taps.size == 1:
            h, last = recur(self.cell, given, weights, tuple(s[0] for s in state))
            state = tuple(s[None] for s in last)
        else:
            h, state = recur_delayed(self.cell, taps, given, weights, state)
        y = (h @ self.output + self.offset).T / gain
        return (x + y if self.residual else y), state

    def _features(self, x: Audio, clock: Clock) -> Float[Array, "samples channels inputs"]:
        if not self.controls:
            return x.T[..., None]
        controls = read_controls(self.controls, x.shape[1], clock).T[:, None]
        return jnp.concatenate([x.T[..., None], jnp.broadcast_to(controls, (*x.T.shape, controls.shape[2]))], -1)


def _spread_memories(hidden: int) -> Float[Array, " hidden"]:
    """Biases of a forgetting gate, b = log(T - 1), for memories of T samples spread evenly in ratios.

    sigmoid(b) = 1 - 1 / T. Source: Tallec and Ollivier (2018), "Can recurrent neural networks warp time?",
    who draw T uniformly; spread in ratios, small networks have short memories too.
    """
    shortest, longest = MEMORIES
    memories = np.geomspace(shortest + 0.1, longest, hidden)
    return jnp.asarray(np.log(memories - 1), float)


class GRU(AbstractRecurrent):
    """A gated recurrent unit: y = (W h + o) / g (+ x) with u = g x, the controls c, and

        r = sigmoid(U_r (u, c) + b_r + R_r h),  z = sigmoid(U_z (u, c) + b_z + R_z h),
        n = tanh(U_n (u, c) + b_n + r (R_n h + b')),  h' = (1 - z) n + z h.

    This is the variant of cuDNN and PyTorch; weights hold the columns r, z, n, and `bias` holds b_r, b_z, b_n, b'.
    `hidden` cells start with memories spread from 1 to 1000 samples. `level` (dB) brings the input to unit RMS
    and the output back; the default is made for recordings at -18 dBFS RMS. `controls` are `Control`s and
    `Switch`es, further inputs. `sample_rate` is the rate at which the network is trained; it runs at any rate
    from there up, and raises ValueError below. Source: Cho et al. (2014); for audio effects Wright, Damskägg and
    Välimäki (2019).
    """

    input: Float[Array, "inputs gates_hidden"]
    recurrent: Float[Array, "hidden gates_hidden"]
    bias: Float[Array, " four_hidden"]
    output: Float[Array, " hidden"]
    offset: Scalar
    controls: tuple[AbstractSlot, ...]
    sample_rate: int = eqx.field(static=True)
    residual: bool = eqx.field(static=True)
    level: SlotLike = param(-60.0, 60.0, "dB")
    cell: ClassVar[str] = "gru"

    def __init__(
        self,
        hidden: int = 32,
        *,
        controls: Sequence[AbstractSlot] = (),
        sample_rate: int = 44_100,
        residual: bool = True,
        level: SlotLike = LEVEL,
        key: RandomKey,
    ):
        self.controls, self.level = knobs(controls), level
        self.sample_rate, self.residual = int(sample_rate), bool(residual)
        self.input, self.recurrent, self.output = _weights(self.cell, hidden, total_width(controls), key)
        self.bias = jnp.zeros(4 * hidden).at[hidden : 2 * hidden].set(_spread_memories(hidden))
        self.offset = jnp.zeros(())

    @classmethod
    def examples(cls) -> tuple["GRU", ...]:
        knobs = (Control("drive", 0, 10, 5), Switch("speed", ("slow", "fast")))
        return (cls(6, controls=knobs, key=jax.random.key(0)),)


class LSTM(AbstractRecurrent):
    """A long short-term memory: y = (W h + o) / g (+ x) with u = g x, the controls c, and

        i, f, o = sigmoid(U (u, c) + b + R h),  n = tanh(U_n (u, c) + b_n + R_n h),
        c' = f c + i n,  h' = o tanh(c').

    Weights hold the columns i, f, n, o, as PyTorch's do. Arguments and errors are those of `GRU`; the input
    gate starts as the complement of the forget gate. Source: Hochreiter and Schmidhuber (1997); Gers et al.
    (2000); Wright, Damskägg, Välimäki (2019) for audio effects.
    """

    input: Float[Array, "inputs gates_hidden"]
    recurrent: Float[Array, "hidden gates_hidden"]
    bias: Float[Array, " four_hidden"]
    output: Float[Array, " hidden"]
    offset: Scalar
    controls: tuple[AbstractSlot, ...]
    sample_rate: int = eqx.field(static=True)
    residual: bool = eqx.field(static=True)
    level: SlotLike = param(-60.0, 60.0, "dB")
    cell: ClassVar[str] = "lstm"

    def __init__(
        self,
        hidden: int = 32,
        *,
        controls: Sequence[AbstractSlot] = (),
        sample_rate: int = 44_100,
        residual: bool = True,
        level: SlotLike = LEVEL,
        key: RandomKey,
    ):
        self.controls, self.level = knobs(controls), level
        self.sample_rate, self.residual = int(sample_rate), bool(residual)
        self.input, self.recurrent, self.output = _weights(self.cell, hidden, total_width(controls), key)
        forget = _spread_memories(hidden)
        self.bias = jnp.concatenate([-forget, forget, jnp.zeros(2 * hidden)])
        self.offset = jnp.zeros(())

    @classmethod
    def examples(cls) -> tuple["LSTM", ...]:
        knobs = (Control("drive", 0, 10, 5), Switch("speed", ("slow", "fast")))
        return (cls(6, controls=knobs, key=jax.random.key(0)),)


def _weights(cell: str, hidden: int, features: int, key: RandomKey) -> tuple[Array, Array, Array]:
    if hidden < 1:
        raise ValueError(f"hidden is {hidden}, but must be at least 1")
    first, second, third = jax.random.split(key, 3)
    width = GATES[cell] * hidden
    enter = uniform(first, (1 + features, width), hidden)
    return enter, uniform(second, (hidden, width), hidden), uniform(third, (hidden,), hidden)
