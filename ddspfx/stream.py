"""A model as it plays: blocks of samples in, blocks of samples out."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int

from ddspfx.block import AbstractBlock
from ddspfx.clock import Clock
from ddspfx.types import Audio, RandomKey, State

_SMALL = 4_096
"""Numbers up to which an array of the state travels with others in one: a call pays about a microsecond an array."""


class Packing(NamedTuple):
    """How the arrays of a state are laid into few: the small ones of a kind in a row, the large as they are."""

    tree: Any
    shapes: tuple[tuple[int, ...], ...]
    group: tuple[int, ...]
    """For each array the packed one that it is in."""

    @classmethod
    def of(cls, state: State) -> "Packing":
        """The layout for states like this one."""
        leaves, tree = jax.tree.flatten(state)
        kinds: dict[Any, int] = {}
        keys = [leaf.dtype if leaf.size <= _SMALL else place for place, leaf in enumerate(leaves)]
        group = tuple(kinds.setdefault(key, len(kinds)) for key in keys)
        return cls(tree, tuple(leaf.shape for leaf in leaves), group)

    def pack(self, state: State) -> tuple[Array, ...]:
        """The state as few flat arrays."""
        leaves = [leaf.reshape(-1) for leaf in jax.tree.leaves(state)]
        groups = [[leaf for leaf, g in zip(leaves, self.group, strict=True) if g == n] for n in range(self._count)]
        return tuple(jnp.concatenate(group) if len(group) > 1 else group[0] for group in groups)

    def unpack(self, packed: tuple[Array, ...]) -> State:
        """The state again."""
        places, leaves = [0] * self._count, []
        for shape, group in zip(self.shapes, self.group, strict=True):
            size = int(np.prod(shape))
            leaves.append(packed[group][places[group] : places[group] + size].reshape(shape))
            places[group] += size
        return jax.tree.unflatten(self.tree, leaves)

    @property
    def _count(self) -> int:
        return max(self.group, default=-1) + 1


def _literal(leaf: Any) -> Any:
    """A small array as NumPy's, which is written into the program: JAX's own would be handed over at each call."""
    plain = isinstance(leaf, jax.Array) and not jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
    return np.asarray(leaf) if plain and leaf.size <= _SMALL else leaf


class Stream:
    """Calls a model block by block: `y = stream(x)`, x and y of shape (channels, block_size).

    The model and the take's key are closed over and compiled once, and the state travels in as few arrays as it
    can, in memory that a call takes over from the one before: so a chain of light blocks costs a few times what
    calling an empty program does (`python -m benchmarks.streaming`). State and clock move on by themselves; memory
    is constant, so a file of any length passes through. The output is late by `stream.latency` samples. This is
    the one object here that changes as it is used.
    """

    def __init__(
        self,
        block: AbstractBlock,
        channels: int,
        sample_rate: int,
        block_size: int,
        *,
        key: RandomKey | int | None = None,
    ):
        if block_size < 1 or channels < 1:
            raise ValueError(f"block_size is {block_size} and channels is {channels}, but both must be at least 1")
        self.shape = (channels, block_size)
        self.latency = block.latency(sample_rate)
        start, zero = block.init_state(channels, sample_rate), Clock.zero(sample_rate, key)
        packing = Packing.of(start)
        literals = jax.tree.map(_literal, block)

        def step(x: Audio, packed: tuple[Array, ...], now: Int[Array, "2"]) -> tuple[Audio, tuple[Array, ...], Array]:
            clock = Clock(now[0], now[1], zero.key, zero.sample_rate)
            played = jax.tree.map(lambda leaf: jnp.asarray(leaf) if isinstance(leaf, np.ndarray) else leaf, literals)
            y, state = played(x, packing.unpack(packed), clock)
            later = clock.after(block_size)
            return y, packing.pack(state), jnp.stack([later.second, later.sample])

        self._dtype = np.dtype(jnp.result_type(float))
        self._start = [np.asarray(array) for array in packing.pack(start)]
        self._step = jax.jit(step, donate_argnums=(1, 2))
        self._packed, self._now = self._fresh()
        self(jnp.zeros(self.shape))  # compiles
        self.reset()

    def __call__(self, x: Audio) -> Audio:
        """The next block. Raises ValueError when `x` is not (channels, block_size)."""
        if x.shape != self.shape:
            raise ValueError(f"x has shape {x.shape}, but this stream takes {self.shape}")
        if x.dtype != self._dtype:
            x = jnp.asarray(x, self._dtype)
        y: Audio
        y, self._packed, self._now = self._step(x, self._packed, self._now)
        return y

    def reset(self) -> None:
        """Back to the start of the take."""
        self._packed, self._now = self._fresh()

    def _fresh(self) -> tuple[tuple[Array, ...], Array]:
        """The first state, in memory that the next call may take over."""
        return tuple(jnp.array(array) for array in self._start), jnp.zeros(2, jnp.int32)
