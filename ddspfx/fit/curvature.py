"""Gauss-Newton's normal equations of a quiet model's slots, each recording's time and level set free beside them."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from ddspfx.block import AbstractBlock
from ddspfx.blocks.chain import Serial
from ddspfx.blocks.fir import FIR
from ddspfx.fit.coordinates import Coordinate, moved
from ddspfx.fit.judge import play
from ddspfx.fit.latents import Latents
from ddspfx.fit.level import DB, KNOTS, add_walk, level_path
from ddspfx.fit.refine import stiff
from ddspfx.fit.solve import RIDGE
from ddspfx.fit.takes import Take, delay_path
from ddspfx.fit.whitening import Whitening
from ddspfx.listing import get
from ddspfx.signal.spline import basis, held
from ddspfx.source.trajectory import Trajectory

STEP, LARGEST_STEP = 2e-3, 0.05
"""Shares by which a coordinate is moved for its slope: at first, and where that is not heard."""
HEARD, LOUD = 1e-4, 3e-2
"""Change of the output, relative to its RMS, that a difference should make: above float32's grain, within a line."""
NOTHING = 1e-6
"""Relative change below which a coordinate does nothing to the quiet model."""
LONGEST_S = 10.0
"""Seconds of each recording that are looked at."""
PIECES = 3
"""That they are taken from where a recording is longer, spread over it."""
FIRM = 1e9
"""Of the largest entry: what holds knots that lie outside the part."""


class Freed(NamedTuple):
    """What is free beside the slots: knots of one latent, or taps, their pull, and what ties them to the slots.

    The equations are banded for knots, lower bands (4, knots), and Toeplitz for taps, the first column (taps,).
    """

    path: str
    bands: Float[np.ndarray, "*four knots"]
    pull: Float[np.ndarray, " knots"]
    ties: Float[np.ndarray, "knots coordinates"]
    unit: float
    """Of the latent's own unit, what one of these knots is."""

    def solve(self, right: Any) -> Any:
        from scipy.linalg import solve_toeplitz, solveh_banded

        if self.bands.ndim == 1:
            return solve_toeplitz(self.bands, right)
        return solveh_banded(self.bands, right, lower=True)


class Normal(NamedTuple):
    """JᵀJ and Jᵀr of whitened slopes and residual, the freed knots taken out, and |r|²."""

    matrix: Float[np.ndarray, "coordinates coordinates"]
    pull: Float[np.ndarray, " coordinates"]
    energy: float
    freed: list[Freed]


def excerpts(part: tuple[int, int], sample_rate: int, seconds: float = LONGEST_S) -> list[tuple[int, int]]:
    """A part that is no longer than `seconds`, else as much of it in three pieces, each in the middle of a third."""
    start, stop = part
    if stop - start <= seconds * sample_rate:
        return [part]
    third, length = (stop - start) / PIECES, round(seconds * sample_rate / PIECES)
    firsts = [start + round((place + 0.5) * third - length / 2) for place in range(PIECES)]
    return [(first, first + length) for first in firsts]


def pieces(
    takes: Sequence[Take], parts: Sequence[tuple[int, int]], seconds: float
) -> list[tuple[int, tuple[int, int]]]:
    """The excerpts of all recordings, each with its recording's number; empty parts have none."""
    return [
        (row, piece)
        for row, (take, part) in enumerate(zip(takes, parts, strict=True))
        if part[0] < part[1]
        for piece in excerpts(part, take.sample_rate, seconds)
    ]


def slopes(
    sound: Callable[[AbstractBlock], Float[np.ndarray, "channels samples"]],
    model: AbstractBlock,
    where: Sequence[Coordinate],
    steps: Float[np.ndarray, " coordinates"],
    central: bool = True,
) -> Float[np.ndarray, "coordinates channels samples"]:
    """By how much `sound(model)` changes a unit of each coordinate's share, by differences.

    `steps` are tried first, and become what was needed. A coordinate at an end of its range is moved inwards only.
    What changes nothing that float32 could tell has a slope of zero.
    """
    plain = sound(model)
    size = float(np.sqrt(np.mean(plain**2))) + 1e-12
    found = np.zeros((len(where), *plain.shape), np.float32)
    for place in range(len(where)):
        found[place] = _slope(sound, model, where, place, steps, plain, size, central)
    return found


def _slope(sound: Any, model: Any, where: Any, place: int, steps: Any, plain: Any, size: float, central: bool) -> Any:
    def heard(step: float) -> Any:
        return sound(moved(model, [where[place]], np.array([step])))

    inward = 1.0 if where[place].share + steps[place] <= 1.0 else -1.0
    ahead = heard(inward * steps[place])
    change = _change(ahead, plain, size)
    if change < HEARD or change > LOUD:
        ratio = HEARD**0.5 * LOUD**0.5 / max(change, NOTHING)
        steps[place] = float(np.clip(steps[place] * ratio, 1e-6, LARGEST_STEP))
        inward = 1.0 if where[place].share + steps[place] <= 1.0 else -1.0
        ahead = heard(inward * steps[place])
        change = _change(ahead, plain, size)
    if change < NOTHING:
        return 0.0
    step = steps[place]
    if central and 0.0 <= where[place].share - inward * step <= 1.0:
        return (ahead - heard(-inward * step)) / (2 * inward * step)
    return (ahead - plain) / (inward * step)


def _change(y: Any, plain: Any, size: float) -> float:
    return float(np.sqrt(np.mean((y - plain) ** 2))) / size


def normal(
    model: AbstractBlock,
    latents: Latents,
    take: Take,
    row: int,
    part: tuple[int, int],
    where: Sequence[Coordinate],
    steps: Float[np.ndarray, " coordinates"],
    central: bool = True,
    timed: bool = True,
    solve: Sequence[str] = (),
) -> tuple[Normal, Whitening]:
    """The normal equations of one recording's part, at the model as it is, and the whitening they were made with.

    Unless `timed` is off, the recording's own delay and level are free, and so are the taps of FIR blocks in `solve`.
    """

    def sound(device: AbstractBlock) -> Any:
        return play(device, latents, take, row, part).astype(np.float64)

    residual = take.wet[:, part[0] : part[1]] - sound(model)
    white = Whitening.of(residual, take.sample_rate)
    J = np.stack([white(column) for column in slopes(sound, model, where, steps, central)])
    r = white(residual)
    J = J.reshape(len(where), -1)
    matrix, pull = J @ J.T, J @ r.ravel()
    free = _free(model, latents) if timed else []
    freed = [_freed(path, kind, model, latents, take, row, part, white, r, J) for path, kind in free]
    freed += [_taps_freed(path, model, latents, take, row, part, white, r, J) for path in solve if _is_fir(model, path)]
    for one in freed:
        matrix = matrix - one.ties.T @ one.solve(one.ties)
        pull = pull - one.ties.T @ one.solve(one.pull)
    return Normal(matrix, pull, float(np.sum(r**2)), freed), white


def _free(model: AbstractBlock, latents: Latents) -> list[tuple[str, str]]:
    """The latents that are free, and what they move."""
    named = ((delay_path(model), "delay"), (level_path(model), "level"))
    return [(path, kind) for path, kind in named if path is not None and isinstance(latents.get(path), Trajectory)]


def _freed(
    path: str, kind: str, model: Any, latents: Any, take: Any, row: int, part: Any, white: Any, r: Any, J: Any
) -> Freed:
    """The equations of one latent's knots: a delay moves the output by -y', a level by y."""
    node = latents[path]
    rate, knot_rate = take.sample_rate, node.rate if kind == "delay" else KNOTS
    unit = 1 / rate if kind == "delay" else DB
    knots = np.asarray(node.knots[row], np.float64) / unit
    y = play(model, latents, take, row, part).astype(np.float64)
    column = white(-_derivative(y) if kind == "delay" else y)
    index, u = held(np.arange(*part) / rate * knot_rate, knots.size)
    taps = basis(u)
    bands, pull = np.zeros((4, knots.size)), np.zeros(knots.size)
    if kind == "delay":
        prior, tension = stiff(knots, rate, knot_rate)
        bands, pull = bands + prior, pull - tension
    else:
        add_walk(bands, pull, knots)
    bands[0] += 1e-9 * np.mean(bands[0])
    weight, weigh = np.sum(column**2, axis=0), np.sum(column * r, axis=0)
    ties = np.zeros((knots.size, len(J)))
    products = np.sum(J.reshape(len(J), *column.shape) * column, axis=1)
    for j in range(4):
        pull += np.bincount(index + j, taps[j] * weigh, knots.size)
        for place, product in enumerate(products):
            ties[:, place] += np.bincount(index + j, taps[j] * product, knots.size)
        for k in range(j + 1):
            bands[j - k] += np.bincount(index + k, taps[j] * taps[k] * weight, knots.size)
    away = (np.arange(knots.size) < index[0]) | (np.arange(knots.size) > index[-1] + 3)
    bands[0, away] += FIRM * np.max(bands[0])
    pull[away] = 0.0
    return Freed(path, bands, pull, ties, unit)


def _is_fir(model: Any, path: str) -> bool:
    return isinstance(model, Serial) and path in model.names and isinstance(get(model, path), FIR)


def _taps_freed(
    path: str, model: Any, latents: Any, take: Any, row: int, part: Any, white: Any, r: Any, J: Any
) -> Freed:
    """The equations of an FIR's taps, each of which adds what comes into the block, late by its place.

    Levelled moments make the matrix not quite Toeplitz; a step is only as good as that, the taps themselves are solved.
    """
    place, block = model.names.index(path), get(model, path)
    head = Serial(**dict(zip(model.names[:place], model.blocks[:place], strict=True)))
    own = {slot: node for slot, node in latents.items() if slot.split(".")[0] in head.names}
    u = white(play(head, own, take, row, part).astype(np.float64))
    count, size = block.taps.shape[-1], 2 * u.shape[1]
    spectrum = np.fft.rfft(u, size)
    column = np.fft.irfft(np.sum(np.abs(spectrum) ** 2, axis=0), size)[:count]
    column[0] *= 1 + RIDGE

    def against(x: Any) -> Any:
        cross = np.fft.irfft(np.sum(spectrum.conj() * np.fft.rfft(x.reshape(u.shape), size), axis=0), size)
        return np.roll(cross, block.centre)[:count]

    ties = np.stack([against(row_) for row_ in J], axis=1)
    return Freed(f"{path}.taps", column, against(r), ties, 1.0)


def _derivative(y: Any) -> Any:
    """A sample's slope, by the spectrum."""
    count = y.shape[1]
    frequency = np.fft.rfftfreq(2 * count)
    turn = 2j * np.pi * np.where(frequency < 0.5, frequency, 0.0)
    return np.fft.irfft(np.fft.rfft(y, 2 * count) * turn, 2 * count)[:, :count]


__all__ = ["Freed", "Normal", "excerpts", "normal", "pieces", "slopes"]
