"""A file through a model in constant memory: as long as it was, latency removed, tail flushed."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ddspfx.audio import AudioInfo, blocks
from ddspfx.cli.unbroken import heed

if TYPE_CHECKING:
    from ddspfx.types import Audio

Samples = NDArray[Any]
Pieces = Iterator[Samples]


def played_file(path: Path, info: AudioInfo, block: Any, model_rate: int | None, block_size: int, seed: int) -> Pieces:
    """The output in pieces (channels, samples), as many samples in all as the file has.

    A model fitted at another rate plays at its own, between two resamplers (soxr, VHQ).
    """
    rate = model_rate or info.sample_rate
    x = _resampled(blocks(path, max(block_size, 4096)), info.sample_rate, rate, info.channels)
    y = _played(_even(x, info.channels, block_size), block, info.channels, rate, block_size, seed)
    return _cut(_resampled(y, rate, info.sample_rate, info.channels), info.frames, info.channels)


def _resampled(pieces: Pieces, old: int, new: int, channels: int) -> Pieces:
    if old == new:
        yield from pieces
        return
    import soxr

    stream = soxr.ResampleStream(old, new, channels, dtype="float32", quality="VHQ")
    for piece in pieces:
        yield stream.resample_chunk(np.ascontiguousarray(piece.T, np.float32)).reshape(-1, channels).T
    yield stream.resample_chunk(np.zeros((0, channels), np.float32), last=True).reshape(-1, channels).T


def _even(pieces: Pieces, channels: int, size: int) -> Pieces:
    """The same samples in pieces of one size, the last one shorter."""
    held = np.zeros((channels, 0), np.float32)
    for piece in pieces:
        held = np.concatenate([held, piece], axis=1)
        whole = held.shape[1] // size * size
        yield from (held[:, start : start + size] for start in range(0, whole, size))
        held = held[:, whole:]
    if held.shape[1]:
        yield held


def _played(pieces: Pieces, block: Any, channels: int, rate: int, size: int, seed: int) -> Pieces:
    """The model's output, not later than its input and as long; silence pushes out the tail."""
    import jax.numpy as jnp

    from ddspfx.render import lead
    from ddspfx.stream import Stream

    stream = Stream(block, channels, rate, size, key=seed)
    late, fraction = lead(stream.latency)
    settle = _waiting(channels, fraction)
    due, drop = 0, late

    def through(piece: Samples) -> Samples:
        nonlocal drop
        padded = np.zeros((channels, size), np.float32)
        padded[:, : piece.shape[1]] = piece
        y = settle(stream(jnp.asarray(padded)))
        first, drop = min(drop, size), max(drop - size, 0)
        return y[:, first:]

    for piece in pieces:
        heed()
        due += piece.shape[1]
        y = through(piece)[:, :due]
        due -= y.shape[1]
        yield y
    while due:
        heed()
        y = through(np.zeros((channels, 0)))[:, :due]
        due -= y.shape[1]
        yield y


def _waiting(channels: int, fraction: float) -> Callable[["Audio"], Samples]:
    """What makes up a latency to whole samples; nothing where it is whole."""
    if not fraction:
        return np.asarray
    from ddspfx.signal.delay import fixed_delay, fixed_delay_state

    past = fixed_delay_state(channels, fraction)

    def wait(y: "Audio") -> Samples:
        nonlocal past
        moved, past = fixed_delay(y, fraction, past)
        return np.asarray(moved)

    return wait


def _cut(pieces: Pieces, count: int, channels: int) -> Pieces:
    """Exactly `count` samples: resampling twice may round the length by a few."""
    for piece in pieces:
        yield piece[:, :count]
        count -= min(count, piece.shape[1])
    if count:
        yield np.zeros((channels, count), np.float32)
