"""The batch shared out over several devices and processes, with the numbers of one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

Tree = TypeVar("Tree")
AXIS = "data"
SPLIT, WHOLE = PartitionSpec(AXIS), PartitionSpec()


@dataclass(frozen=True)
class Devices:
    """The devices of a fit: `mesh` is None where there is one, and nothing is shared out."""

    mesh: Mesh | None = None

    @classmethod
    def of(cls, count: int | None = None) -> "Devices":
        """The first `count` devices of all processes; all of them when left out.

        Raises ValueError for more than there are, and for some but not all of several processes' devices.
        """
        there = jax.device_count()
        count = there if count is None else count
        if count > there:
            raise ValueError(f"devices is {count}, but must be at most the {there} there are: give fewer, or leave out")
        if jax.process_count() > 1 and count != there:
            raise ValueError(f"devices is {count}, but must be all {there} of the processes: leave it out")
        if count == 1:
            return cls()
        return cls(jax.make_mesh((count,), (AXIS,), axis_types=(AxisType.Auto,), devices=jax.devices()[:count]))

    def rows(self, sequences: int) -> int:
        """How many sequences run, so that each device has equally many; those beyond `sequences` count for nothing."""
        count = 1 if self.mesh is None else self.mesh.size
        return -(-sequences // count) * count

    def shared(self, play: Callable[..., Any]) -> Callable[..., Any]:
        """`play(whole, split)` with the leading axis of `split`, and of what it gives, cut over the devices.

        The slope of `whole` is summed over the devices once, after each device's own backward pass. Under plain
        `jit` XLA puts that sum inside the backward loop, once a sample. Nothing but `play` is cut: the loss is
        taken over the whole batch, so it may be any function of it, and no slope has to be weighted. What varies
        is not tracked (`check_vma`), since blocks may start a loop from a constant.
        """
        if self.mesh is None:
            return play

        def split_play(whole: Any, split: Any) -> Any:
            arrays, static = eqx.partition(whole, eqx.is_array)
            return jax.shard_map(
                lambda arrays, split: play(eqx.combine(arrays, static), split),
                mesh=self.mesh,
                in_specs=(WHOLE, SPLIT),
                out_specs=SPLIT,
                check_vma=False,
            )(arrays, split)

        return split_play

    def split(self, tree: Tree) -> Tree:
        """Arrays with the sequences as leading axis, each device its part."""
        return self._put(tree, SPLIT)

    def whole(self, tree: Tree) -> Tree:
        """Arrays on every device; all processes must give the same (`agreed`)."""
        return self._put(tree, WHOLE)

    def kept_whole(self, tree: Tree) -> Tree:
        """Inside a compiled program: what it gives is on every device."""
        if self.mesh is None:
            return tree
        place = NamedSharding(self.mesh, WHOLE)
        return _map(lambda leaf: jax.lax.with_sharding_constraint(leaf, place), tree)

    def here(self, tree: Tree) -> Tree:
        """What every device has, as ordinary arrays of this process."""
        if self.mesh is None:
            return tree
        return _map(lambda leaf: leaf.addressable_data(0), tree)

    def _put(self, tree: Tree, how: PartitionSpec) -> Tree:
        if self.mesh is None:
            return tree
        place = NamedSharding(self.mesh, how)

        def put(leaf: Any) -> Any:
            host = np.asarray(leaf)
            return jax.make_array_from_callback(host.shape, place, host.__getitem__)

        return _map(put, tree)


def agreed(tree: Tree) -> Tree:
    """The first process's arrays in every process: machines may round differently."""
    if jax.process_count() == 1:
        return tree
    from jax.experimental.multihost_utils import broadcast_one_to_all

    arrays, static = eqx.partition(tree, eqx.is_array)
    merged: Tree = eqx.combine(jax.tree.map(jnp.asarray, broadcast_one_to_all(arrays)), static)
    return merged


def decided(number: float) -> float:
    """The first process's number in every process: clocks differ, decisions must not."""
    return number if jax.process_count() == 1 else float(agreed(jnp.asarray(number, float)))


def writes() -> bool:
    """Whether this process is the one that writes files."""
    return jax.process_index() == 0


def _map(change: Callable[[Any], Any], tree: Tree) -> Tree:
    changed: Tree = jax.tree.map(lambda leaf: change(leaf) if eqx.is_array(leaf) else leaf, tree)
    return changed
