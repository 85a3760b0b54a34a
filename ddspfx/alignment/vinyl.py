"""Where a record lies against its digital original: any start, speed error, drift, turning, and skipped grooves."""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ddspfx.alignment.checks import odd_match
from ddspfx.alignment.coherence import likeliest_lag, welch
from ddspfx.alignment.course import STEP, Course, lags_about, straightened, through
from ddspfx.alignment.grooves import HOP, Path, long_path, short_path
from ddspfx.alignment.interpolate import Reals
from ddspfx.alignment.levels import RATE, levels, lowered, pieces
from ddspfx.alignment.result import CURVE_RATE, Alignment
from ddspfx.alignment.skips import placed
from ddspfx.alignment.whereabouts import Whereabouts

_FINE = 16_000.0  # Hz at which the course is made true
_COARSE = 2000.0  # Hz at which a skip is first placed
_REACHES = (0.0015, 0.0006)  # s within which lags are looked for, one pass after the other
_DOUBT = 0.05  # s by which a skip may still be misplaced when the first pass begins
_SHORTEST = 1.0  # s
_SILENT = 1e-9
_FEWEST = 3  # blocks of a chain that is no accident
_UNSURE = 0.3  # s about a jump within which a short block may hold both sides
_KNOWN, _MIXED, _UNKNOWN = 1e-4, 5e-4, 1e6  # s: how far a block's place may be off; such a one; s squared: any other
_BENDS = (2e-4, 1e-5)  # s a squared short hop, of everything and of what no harmonic is
_EXCERPT = 10.0  # s by which level, channels and polarity are judged
_BY_CHANCE = 0.1  # share of blocks that make a chain of themselves in another record


class Found(NamedTuple):
    """A course, its polarity, and the share of the blocks that it explains."""

    course: Course
    sign: int
    confidence: float


def aligned_record(dry: ArrayLike, wet: ArrayLike, sample_rate: int) -> Alignment:
    """The alignment of a record `wet` with its original `dry`, both (channels, samples) or (samples,).

    Levels of ten bands, compared at speeds within ±5.4 %, give the speed and where blocks of six seconds come from; a
    chain of half-second blocks at 2 kHz, in which a jump costs, gives the grooves (Viterbi 1967); two passes of short
    frames weighted by coherence the course to a fraction of a sample, bridged by the harmonics of the revolution
    where nothing is heard; and each skip lies at the sample from which the next groove explains wet better.
    Raises ValueError as `align` does, and for a record shorter than a second.
    """
    x, y = recording(dry, "dry", sample_rate), recording(wet, "wet", sample_rate)
    if x.shape[0] != y.shape[0]:
        raise ValueError(f"dry has {x.shape[0]} channels and wet {y.shape[0]}, but both must have the same: mix one")
    silent = [f"{name} is silent." for name, row in (("Dry", x), ("Wet", y)) if is_quiet(row)]
    found = None if silent else course_of(x, y, sample_rate)
    if found is None:
        warnings = (*silent, *([] if silent else odd_match(0.0, 1.0, 0.0, False)))
        nothing = (0.0,) * x.shape[0]
        return Alignment(0.0, 0.0, 1, 0.0, 1.0, False, nothing, 0.0, warnings, sample_rate, y.shape[1])
    return _described(x, y, sample_rate, found)


def recording(x: ArrayLike, name: str, sample_rate: int) -> NDArray[Any]:
    """(channels, samples) as it is. Raises ValueError for what cannot be a recording of a second."""
    rows = np.atleast_2d(np.asarray(x))
    if rows.ndim != 2 or rows.shape[0] not in (1, 2) or rows.shape[1] < _SHORTEST * sample_rate:
        raise ValueError(
            f"{name} has shape {np.shape(x)}, but must be (samples,) or (channels, samples), 1 or 2 channels, "
            f"and last a second: use transport='tape' for less"
        )
    if not all(np.isfinite(piece).all() for piece in pieces(rows)):
        raise ValueError(f"{name} holds NaN or infinite samples: export it again")
    return rows


def is_quiet(x: NDArray[Any]) -> bool:
    """Whether nothing but a constant is there."""
    return bool(max(np.ptp(piece, axis=1).max() for piece in pieces(x)) < _SILENT)


def course_of(x: NDArray[Any], y: NDArray[Any], sample_rate: int) -> Found | None:
    """The course of wet `y` through dry `x`, (channels, samples) each; None where they have nothing in common."""
    from ddspfx.audio import resampled

    fine = [lowered(v, sample_rate, _FINE) for v in (x, y)]
    low = [np.asarray(resampled(v[None], _FINE, RATE)[0], np.float32) for v in fine]
    search = Whereabouts(levels(low[0]), levels(low[1]))
    speed = search.speed()[0]
    rough = long_path(search.blocks(speed), speed)
    if rough is None:
        return None
    path, sign, share = short_path(low[0], low[1], rough)
    if path is None or len(path.times) < _FEWEST:
        return None
    course, doubt = _drawn(path, y.shape[1] / sample_rate)
    slow = [np.asarray(resampled(v[None], RATE, _COARSE)[0], np.float32) for v in low]
    course = placed(course, slow[0], slow[1], _COARSE, doubt, sign, 0.3)
    for k, reach in enumerate(_REACHES):
        lags = lags_about(course, fine[0], fine[1], _FINE, reach, sign, 0.0 if k else _DOUBT)
        course = straightened(course, lags)
        course = placed(course, fine[0], fine[1], _FINE, np.full(len(doubt), 0.2), sign)
    return Found(course, sign, float(np.clip((share - _BY_CHANCE) / (1 - _BY_CHANCE), 0.0, 1.0)))


def _drawn(path: Path, seconds: float) -> tuple[Course, Reals]:
    """A course through the short blocks, and by how many seconds each of its jumps may be misplaced."""
    grid = np.arange(int(seconds / HOP) + 2) * HOP
    index = np.round(path.times / HOP).astype(int).clip(0, len(grid) - 1)
    places = path.unwrapped()
    ends = np.minimum(grid - path.times[0], 0.0) + np.maximum(grid - path.times[-1], 0.0)
    values, variances = np.interp(grid, path.times, places) + path.speed * ends, np.full(len(grid), _UNKNOWN)
    values[index], variances[index] = places + path.speed * (grid[index] - path.times), _KNOWN**2
    last = np.flatnonzero(np.diff(path.runs))
    middles = 0.5 * (path.times[last] + path.times[last + 1])
    for middle in middles:
        near = np.abs(grid - middle) < _UNSURE
        variances[near] = np.maximum(variances[near], _MIXED**2)
    jumps = [(float(t), float(j)) for t, j in zip(middles, path.jumps(), strict=True)]
    rough = through(values, variances, HOP, values, jumps, _BENDS)
    at = np.arange(int(seconds / STEP) + 2) * STEP
    return Course(np.interp(at, grid, rough.places), rough.jumps), 0.5 * (path.times[last + 1] - path.times[last])


def _described(x: NDArray[Any], y: NDArray[Any], sample_rate: int, found: Found) -> Alignment:
    """The alignment that a course stands for, with level and channels as a loud excerpt has them."""
    at = np.arange(len(found.course.places)) / CURVE_RATE
    delays = at - found.course.places
    slope, start = (float(v) for v in np.polyfit(at, delays, 1)) if len(at) > 2 else (0.0, float(delays[0]))
    plain = Alignment(
        latency=start,
        drift=slope * y.shape[1] / sample_rate,
        polarity=found.sign,
        gain=0.0,
        speed=1 - slope,
        swapped=False,
        offset=(0.0,) * len(x),
        confidence=found.confidence,
        warnings=(),
        sample_rate=sample_rate,
        length=y.shape[1],
        jumps=found.course.jumps,
        curve=tuple(delays.tolist()),
    )
    dry, wet = _excerpt(x, y, plain)
    swapped = len(x) == 2 and _match(dry[::-1], wet) > 1.05 * _match(dry, wet)
    dry = dry[::-1] if swapped else dry
    gain = float(abs(np.sum(dry * wet)) / (np.sum(dry**2) + 1e-300))
    pairs = [(dry[k : k + 1], wet[k : k + 1]) for k in range(len(wet))]
    offset = [likeliest_lag(welch(a, b, 8192), 256, found.sign)[0] / sample_rate for a, b in pairs]
    level = float(np.mean(offset))
    warnings = odd_match(0.0, plain.speed, found.confidence, swapped)
    for time, jump in found.course.jumps:
        warnings.append(f"The record {'skips' if jump > 0 else 'repeats'} {abs(jump):.3f} s at {time:.2f} s.")
    return replace(
        plain,
        gain=gain,
        swapped=swapped,
        offset=tuple(o - level for o in offset) if len(offset) > 1 else (0.0,),
        warnings=tuple(warnings),
    )


def _match(dry: Reals, wet: Reals) -> float:
    pairs = ((dry[k : k + 1], wet[k : k + 1]) for k in range(len(wet)))
    return sum(float(np.sum(welch(a, b, min(8192, max(64, wet.shape[1] // 4))).coherence())) for a, b in pairs)


def _excerpt(x: NDArray[Any], y: NDArray[Any], alignment: Alignment) -> tuple[Reals, Reals]:
    """The loudest ten seconds of wet, and dry as they play it."""
    rate = alignment.sample_rate
    size = min(round(_EXCERPT * rate), y.shape[1])
    starts = np.arange(0, y.shape[1] - size + 1, size)
    power = [float(np.sum(np.square(y[:, s : s + size], dtype=np.float64))) for s in starts]
    first = int(starts[int(np.argmax(power))])
    return alignment.stretch(x, first, first + size), y[:, first : first + size].astype(np.float64)
