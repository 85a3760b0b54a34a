"""Blocks joined: in a row, side by side, against the dry signal, per channel, in mid and side."""

import re
from typing import Any

import equinox as eqx
import jax.numpy as jnp

from ddspfx.block import AbstractBlock
from ddspfx.clock import Clock
from ddspfx.slot import SlotLike, param, read
from ddspfx.types import Audio, State


def _names(blocks: tuple[AbstractBlock, ...], named: dict[str, AbstractBlock]) -> dict[str, AbstractBlock]:
    """Blocks by name: unnamed ones are called after their class, numbered from the second on."""
    found: dict[str, AbstractBlock] = {}
    for block in blocks:
        word = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(block).__name__).lower()
        name, number = word, 2
        while name in found or name in named:
            name, number = f"{word}_{number}", number + 1
        found[name] = block
    found.update(named)
    for name, block in found.items():
        if not isinstance(block, AbstractBlock):
            raise TypeError(f"{name} is {block!r}, but must be a block")
    return found


class AbstractNamed(AbstractBlock):
    """Blocks with names: `model.tone` is the block called tone, and `tone.cutoff` the path of its slot."""

    names: eqx.AbstractVar[tuple[str, ...]]
    blocks: eqx.AbstractVar[tuple[AbstractBlock, ...]]

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_") and name not in ("names", "blocks") and name in self.names:
            return self.blocks[self.names.index(name)]
        raise AttributeError(f"{type(self).__name__} has no block or attribute {name!r}")


class Serial(AbstractNamed):
    """Blocks in a row: y = b_n(... b_2(b_1(x))), latency the sum.

        Serial(drive=Tanh(12.0), tone=LowPass(8e3))

    What comes after a latency reads a clock moved back by it, so a trajectory is never read early.
    """

    names: tuple[str, ...] = eqx.field(static=True)
    blocks: tuple[AbstractBlock, ...]

    def __init__(self, *blocks: AbstractBlock, **named: AbstractBlock):
        found = _names(blocks, named)
        self.names, self.blocks = tuple(found), tuple(found.values())

    def init_state(self, channels: int, sample_rate: int) -> State:
        return tuple(block.init_state(channels, sample_rate) for block in self.blocks)

    def __call__(self, x: Audio, state: State, clock: Clock) -> tuple[Audio, State]:
        after, late = [], 0.0
        for block, before in zip(self.blocks, state, strict=True):
            x, new = block(x, before, clock.after(-round(late)))
            late += block.latency(clock.sample_rate)
            after.append(new)
        return x, tuple(after)

    def latency(self, sample_rate: int) -> float:
        return sum((block.latency(sample_rate) for block in self.blocks), 0.0)

    @classmethod
    def examples(cls) -> tuple["Serial", ...]:
        from ddspfx.blocks.filter import LowPass
        from ddspfx.blocks.gain import Gain

        return (cls(level=Gain(-3.0), tone=LowPass(2_000.0)),)


class _Alignment(eqx.Module):
    """How much later each of several paths must be made so that all leave together."""

    lags: tuple[float, ...] = eqx.field(static=True)

    @classmethod
    def of(cls, blocks: tuple[AbstractBlock, ...], sample_rate: int) -> "_Alignment":
        latencies = [block.latency(sample_rate) for block in blocks]
        return cls(tuple(max(latencies) - late for late in latencies))

    def init_state(self, channels: int) -> State:
        from ddspfx.signal.delay import fixed_delay_state

        return tuple(fixed_delay_state(channels, lag) for lag in self.lags)

    def __call__(self, paths: list[Audio], state: State) -> tuple[list[Audio], State]:
        from ddspfx.signal.delay import fixed_delay

        done = [fixed_delay(y, lag, past) for y, lag, past in zip(paths, self.lags, state, strict=True)]
        return [y for y, _ in done], tuple(past for _, past in done)


class Parallel(AbstractNamed):
    """Blocks side by side, added: y = sum_i b_i(x), each made as late as the latest.

    Raises ValueError when there is none.
    """

    names: tuple[str, ...] = eqx.field(static=True)
    blocks: tuple[AbstractBlock, ...]

    def __init__(self, *blocks: AbstractBlock, **named: AbstractBlock):
        found = _names(blocks, named)
        if not found:
            raise ValueError("Parallel needs at least one block")
        self.names, self.blocks = tuple(found), tuple(found.values())

    def init_state(self, channels: int, sample_rate: int) -> State:
        inner = tuple(block.init_state(channels, sample_rate) for block in self.blocks)
        return inner, _Alignment.of(self.blocks, sample_rate).init_state(channels)

    def __call__(self, x: Audio, state: State, clock: Clock) -> tuple[Audio, State]:
        inner, lags = state
        done = [block(x, before, clock) for block, before in zip(self.blocks, inner, strict=True)]
        paths, lags = _Alignment.of(self.blocks, clock.sample_rate)([y for y, _ in done], lags)
        return sum(paths[1:], paths[0]), (tuple(after for _, after in done), lags)

    def latency(self, sample_rate: int) -> float:
        return max(block.latency(sample_rate) for block in self.blocks)

    @classmethod
    def examples(cls) -> tuple["Parallel", ...]:
        from ddspfx.blocks.filter import HighPass, LowPass

        return (cls(low=LowPass(300.0), high=HighPass(3_000.0)),)


class Mix(AbstractBlock):
    """Dry against wet: y = (1 - mix) x + mix b(x), the dry signal made as late as the wet one."""

    wet: AbstractBlock
    mix: SlotLike = param(0.0, 1.0, "", default=0.5)

    def init_state(self, channels: int, sample_rate: int) -> State:
        from ddspfx.signal.delay import fixed_delay_state

        return (
            self.wet.init_state(channels, sample_rate),
            fixed_delay_state(channels, self.wet.latency(sample_rate)),
        )

    def __call__(self, x: Audio, state: State, clock: Clock) -> tuple[Audio, State]:
        from ddspfx.signal.delay import fixed_delay

        inner, past = state
        late = self.wet.latency(clock.sample_rate)
        wet, inner = self.wet(x, inner, clock)
        dry, past = fixed_delay(x, late, past)
        mix = read(self.mix, x, clock.after(-round(late)))
        return (1 - mix) * dry + mix * wet, (inner, past)

    def latency(self, sample_rate: int) -> float:
        return self.wet.latency(sample_rate)

    @classmethod
    def examples(cls) -> tuple["Mix", ...]:
        from ddspfx.blocks.filter import LowPass

        return (cls(LowPass(500.0), 0.3),)


class PerChannel(AbstractNamed):
    """A block of its own for each channel: `PerChannel(left=..., right=...)`.

    Raises ValueError for other than as many channels as blocks.
    """

    names: tuple[str, ...] = eqx.field(static=True)
    blocks: tuple[AbstractBlock, ...]

    def __init__(self, *blocks: AbstractBlock, **named: AbstractBlock):
        found = _names(blocks, named)
        self.names, self.blocks = tuple(found), tuple(found.values())

    def _check(self, channels: int) -> None:
        if channels != len(self.blocks):
            raise ValueError(f"x has {channels} channels, but PerChannel has {len(self.blocks)} blocks")

    def init_state(self, channels: int, sample_rate: int) -> State:
        self._check(channels)
        inner = tuple(block.init_state(1, sample_rate) for block in self.blocks)
        return inner, _Alignment.of(self.blocks, sample_rate).init_state(1)

    def __call__(self, x: Audio, state: State, clock: Clock) -> tuple[Audio, State]:
        self._check(x.shape[0])
        inner, lags = state
        rows = [x[i : i + 1] for i in range(len(self.blocks))]
        done = [block(row, s, clock) for block, row, s in zip(self.blocks, rows, inner, strict=True)]
        paths, lags = _Alignment.of(self.blocks, clock.sample_rate)([y for y, _ in done], lags)
        return jnp.concatenate(paths), (tuple(after for _, after in done), lags)

    def latency(self, sample_rate: int) -> float:
        return max(block.latency(sample_rate) for block in self.blocks)

    @classmethod
    def examples(cls) -> tuple["PerChannel", ...]:
        from ddspfx.blocks.filter import LowPass

        return (cls(left=LowPass(500.0), right=LowPass(5_000.0)),)


class MidSide(AbstractBlock):
    """Two blocks in mid and side: m = (l + r) / 2, s = (l - r) / 2; l' = m' + s', r' = m' - s'.

    Raises ValueError for other than two channels.
    """

    mid: AbstractBlock
    side: AbstractBlock

    def _inner(self) -> PerChannel:
        return PerChannel(mid=self.mid, side=self.side)

    def init_state(self, channels: int, sample_rate: int) -> State:
        if channels != 2:
            raise ValueError(f"x has {channels} channels, but MidSide takes two")
        return self._inner().init_state(2, sample_rate)

    def __call__(self, x: Audio, state: State, clock: Clock) -> tuple[Audio, State]:
        both = jnp.stack([x[0] + x[1], x[0] - x[1]]) / 2
        (mid, side), state = self._inner()(both, state, clock)
        return jnp.stack([mid + side, mid - side]), state

    def latency(self, sample_rate: int) -> float:
        return self._inner().latency(sample_rate)

    @classmethod
    def examples(cls) -> tuple["MidSide", ...]:
        from ddspfx.blocks.filter import HighPass
        from ddspfx.blocks.gain import Gain

        return (cls(mid=Gain(-1.0), side=HighPass(200.0)),)


def named(model: Any) -> dict[str, AbstractBlock]:
    """The blocks of a chain by name."""
    return dict(zip(model.names, model.blocks, strict=True)) if isinstance(model, AbstractNamed) else {}


__all__ = ["AbstractNamed", "MidSide", "Mix", "Parallel", "PerChannel", "Serial", "named"]
