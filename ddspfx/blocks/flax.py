"""Any Flax network as a block: linen or nnx, with a carry, a context or no memory at all."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ddspfx.block import AbstractBlock
from ddspfx.blocks.conditioning import knobs, read_controls, total_width, uniform
from ddspfx.blocks.gain import amplitude
from ddspfx.clock import Clock
from ddspfx.slot import AbstractSlot, SlotLike, param, read
from ddspfx.types import Audio, RandomKey, State


class Module(eqx.Module):
    """A Flax network taken apart: what it computes (static) and its variables, which are leaves.

    Variables of a linen network are its own nested dictionary, of an nnx one a dictionary by dotted path.
    """

    variables: dict[str, Any]
    network: Any = eqx.field(static=True)
    paths: tuple[str, ...] | None = eqx.field(static=True)
    """The order of an nnx network's variables, None for linen."""
    structure: Any = eqx.field(static=True)

    @property
    def has_carry(self) -> bool:
        """Whether it is a recurrent cell, (carry, x) -> (carry, y)."""
        return hasattr(self._whole() if self.paths is not None else self.network, "initialize_carry")

    def _whole(self) -> Any:
        from flax import nnx

        assert self.paths is not None
        state = jax.tree.unflatten(self.structure, [self.variables[path] for path in self.paths])
        return nnx.merge(self.network, state)

    def __call__(self, *args: Any) -> Any:
        return self.network.apply(self.variables, *args) if self.paths is None else self._whole()(*args)

    def carry(self, features: int) -> Any:
        """The carry of a cell before the first sample."""
        if self.paths is None:
            carry = self.network.initialize_carry(jax.random.key(0), (features,))
        else:
            from flax import nnx

            carry = self._whole().initialize_carry((features,), rngs=nnx.Rngs(0))
        return jax.tree.map(lambda c: jnp.asarray(c, float), carry)


def _taken_apart(network: Any, variables: Any, x: Float[Array, "samples features"], key: RandomKey | None) -> Module:
    from flax import linen, nnx

    if isinstance(network, nnx.Module):
        graph, state = nnx.split(network)
        found, structure = jax.tree_util.tree_flatten_with_path(state)
        dotted = [jax.tree_util.keystr(path, simple=True, separator=".").removesuffix(".value") for path, _ in found]
        named = dict(zip(dotted, (leaf for _, leaf in found), strict=True))
        return Module(named, graph, tuple(named), structure)
    if not isinstance(network, linen.Module):
        raise TypeError(f"network is {network!r}, but must be a flax.linen.Module or a flax.nnx.Module")
    if variables is None and key is None:
        raise ValueError("params and key are both missing: give the linen network's variables, or a key to draw them")
    if variables is None:
        with_carry = hasattr(network, "initialize_carry")
        args = (network.initialize_carry(jax.random.key(0), x[0].shape), x[0]) if with_carry else (x,)
        variables = network.init(key, *args)
    return Module(variables, network, None, None)


class FlaxBlock(AbstractBlock):
    """A Flax network heard by every channel: y = w . f(g x, controls) / g (+ x), g = 10^(level / 20).

    `network` is a `flax.linen.Module`, with its variables `params` or a `key` to draw them, or a `flax.nnx.Module`,
    which brings its own. Its inputs are rows of x and of the controls' features. There are three kinds:

    - a cell, which has `initialize_carry` and maps (carry, features) to (carry, outputs), runs sample by sample;
    - a network without memory maps (samples, features) to (samples, outputs);
    - a causal network with memory, convolutions for instance, does so too and is given the `context` samples
      before; only the last outputs are kept. `context` must be at least its receptive field less one.

    More than one output is read through learned weights w. Nothing adapts the network to another sample rate.
    Raises TypeError for what is no Flax module, ValueError for a linen one with neither params nor key.
    """

    module: Module
    readout: Float[Array, " outputs"] | None
    controls: tuple[AbstractSlot, ...]
    context: int = eqx.field(static=True)
    residual: bool = eqx.field(static=True)
    level: SlotLike = param(-60.0, 60.0, "dB")

    def __init__(
        self,
        network: Any,
        params: Any = None,
        *,
        context: int = 0,
        controls: Sequence[AbstractSlot] = (),
        residual: bool = False,
        level: SlotLike = 0.0,
        key: RandomKey | None = None,
    ):
        if context < 0:
            raise ValueError(f"context is {context}, but must be at least 0 samples")
        self.controls, self.level = knobs(controls), level
        self.context, self.residual = context, residual
        self.module = _taken_apart(network, params, jnp.zeros((context + 1, 1 + total_width(controls))), key)
        outputs = self._outputs()
        drawn = jax.random.key(0) if key is None else jax.random.fold_in(key, 1)
        self.readout = None if outputs == 1 else uniform(drawn, (outputs,), outputs)

    def _outputs(self) -> int:
        features = 1 + total_width(self.controls)
        shape = jax.eval_shape(lambda: self._run(jnp.zeros((1, features)), self._start())[0]).shape
        if len(shape) != 2 or shape[0] < 1:
            raise ValueError(f"the network makes {shape} of (1, {features}), but must make (1, outputs)")
        return int(shape[1])

    def _start(self) -> State:
        features = 1 + total_width(self.controls)
        return self.module.carry(features) if self.module.has_carry else jnp.zeros((self.context, features))

    def _run(self, rows: Float[Array, "samples features"], state: State) -> tuple[Array, State]:
        if self.module.has_carry:
            return _scanned(self.module, rows, state)
        line = jnp.concatenate([state.astype(rows.dtype), rows])
        y = self.module(line)[-rows.shape[0] :]
        return y, line[line.shape[0] - self.context :]

    def init_state(self, channels: int, sample_rate: int) -> State:
        return jax.tree.map(lambda leaf: jnp.stack([leaf] * channels), self._start())

    def __call__(self, x: Audio, state: State, clock: Clock) -> tuple[Audio, State]:
        gain = amplitude(read(self.level, x, clock))
        features = read_controls(self.controls, x.shape[1], clock).T
        shared = jnp.broadcast_to(features, (x.shape[0], *features.shape))
        rows = jnp.concatenate([(gain * x)[..., None], shared], axis=-1)
        y, state = jax.vmap(self._run)(rows, state)
        y = (y[..., 0] if self.readout is None else y @ self.readout) / gain
        return (x + y if self.residual else y), state

    @classmethod
    def examples(cls) -> tuple["FlaxBlock", ...]:
        from flax import linen, nnx

        key = jax.random.key(0)
        return (
            cls(linen.Sequential([linen.Dense(8), jnp.tanh, linen.Dense(1)]), key=key),
            cls(linen.GRUCell(4), residual=True, level=18.0, key=key),
            cls(
                linen.Sequential([linen.Conv(4, (3,), padding="CAUSAL"), jnp.tanh, linen.Dense(1)]), context=2, key=key
            ),
            cls(nnx.Sequential(nnx.Linear(1, 8, rngs=nnx.Rngs(0)), jnp.tanh, nnx.Linear(8, 1, rngs=nnx.Rngs(1)))),
        )


def _scanned(module: Module, rows: Float[Array, "samples features"], carry: Any) -> tuple[Array, Any]:
    def step(carry: Any, row: Array) -> tuple[Any, Array]:
        after, y = module(carry, row)
        return jax.tree.map(lambda new, old: new.astype(old.dtype), after, carry), y

    carry, y = jax.lax.scan(step, carry, rows)
    return y, carry
