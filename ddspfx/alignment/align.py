"""Where in time, how loud, how fast and which way round a wet recording lies against its dry one."""

import numpy as np
from numpy.typing import ArrayLike

from ddspfx.alignment.candidates import best_lag
from ddspfx.alignment.checks import is_silent, odd_match, odd_sound
from ddspfx.alignment.coherence import likeliest_lag, welch
from ddspfx.alignment.correlation import global_peak
from ddspfx.alignment.interpolate import Reader, Reals
from ddspfx.alignment.line import is_drift, level_line, robust_line
from ddspfx.alignment.local_lags import Lags, block_lags
from ddspfx.alignment.result import Alignment as Alignment
from ddspfx.alignment.result import Clock
from ddspfx.alignment.search import scattered_lag, search_speed
from ddspfx.alignment.stack import stacked_line
from ddspfx.alignment.vinyl import aligned_record

_BLOCK = 0.37  # s
_FEW = 4
_CROWD = 0.02  # s about their median that a wobbling device's lags keep to
_NEAR = 0.005  # s about the line within which a block's lag speaks for the pair
_CHANCE = 0.15  # share of blocks that come so near by chance
_TRUSTED = 0.5  # confidence below which a speed error is searched for
_WOBBLE = 0.5  # samples of wander above which the latency is the mean of the blocks
_SLIP = 6e-4  # slope by which a line through the peaks of a periodic sound may be wrong
_FASTEST = 0.06  # of speed: what a wobbling device may reach
_FARTHEST = 12.0  # s
_BASS, _ALL_BASS = 300.0, 0.85  # Hz below which so much of wet's power makes it all bass
_COHERENT, _DOUBTFUL = 0.5, 0.1  # coherence there of a pair beyond doubt; what is left of the confidence without any
_CLEARLY = 1.002  # times the coherence, for a line to be believed over none


TRANSPORTS = ("tape", "vinyl")

_Found = tuple[Clock, int, float, int]  # the clock, the polarity, the confidence, the block


def align(dry: ArrayLike, wet: ArrayLike, sample_rate: int, *, transport: str = "tape") -> Alignment:
    """Finds offset, speed, level, polarity and channel order of `wet` against `dry`.

    Arrays (channels, samples) or (samples,), of any lengths, NumPy or JAX; the work is in float64. The lag is, of
    the highest peaks of a cross-correlation weighted by |G|^-0.7, the one near which short blocks match best (of
    equals the longer overlap, then the smaller lag); the speed a robust line through the lags of short blocks
    (Theil–Sen), searched within ±4.6 % when the blocks disagree, and 1 unless the line stands clear of the wander;
    the fraction of a sample is the phase's, weighted by coherence (Hannan and Thomson 1973,
    "Estimating group delay").
    A `transport` of "vinyl" is a record, which starts anywhere, drifts, turns, skips and repeats grooves: the delay is
    then a curve with jumps (see `aligned_record`), found within 5 % of speed and in memory beyond the audio of an
    eighth of it.
    Raises ValueError for empty, non-finite or unequal-channel input, another transport, and a record shorter than a
    second. A silent or unrelated pair is no error: see `confidence` and `warnings`.
    """
    if transport not in TRANSPORTS:
        raise ValueError(f"transport is {transport!r}, but must be {' or '.join(TRANSPORTS)}")
    if transport == "vinyl":
        return aligned_record(dry, wet, sample_rate)
    x, y = signal(dry, "dry"), signal(wet, "wet")
    if x.shape[0] != y.shape[0]:
        raise ValueError(f"dry has {x.shape[0]} channels and wet {y.shape[0]}, but both must have the same: mix one")
    warnings = odd_sound(x, "Dry", sample_rate) + odd_sound(y, "Wet", sample_rate)
    if is_silent(x) or is_silent(y):
        nothing = (0.0,) * x.shape[0]
        return Alignment(0.0, 0.0, 1, 0.0, 1.0, False, nothing, 0.0, tuple(warnings), sample_rate, y.shape[1])
    x, y = x - x.mean(1, keepdims=True), y - y.mean(1, keepdims=True)
    clock, sign, confidence, size = _coarse(Reader(_middle(x)), _middle(y), sample_rate)
    swapped = _are_swapped(Reader(x), y, clock)
    played = Reader(x[::-1] if swapped else x)
    clock, sign = _fine(played, y, clock, sign, size)
    confidence = _proven(played, y, (clock, sign, confidence, size), sample_rate)[2]
    xw = _warped(played, clock, y.shape[1])
    latency, speed = clock.start / sample_rate, 1 - clock.slope
    warnings += odd_match(latency, speed, confidence, swapped)
    return Alignment(
        latency=latency,
        drift=clock.slope * y.shape[1] / sample_rate,
        polarity=sign,
        gain=float(abs(np.sum(xw * y)) / (np.sum(xw**2) + 1e-300)),
        speed=speed,
        swapped=swapped,
        offset=_offsets(xw, y, sign, sample_rate),
        confidence=confidence,
        warnings=tuple(warnings),
        sample_rate=sample_rate,
        length=y.shape[1],
    )


def signal(x: ArrayLike, name: str) -> Reals:
    """(channels, samples) in float64. Raises ValueError for another shape, or samples that are not finite."""
    rows = np.atleast_2d(np.asarray(x, np.float64))
    if rows.ndim != 2 or rows.shape[0] not in (1, 2) or rows.shape[1] < 2:
        raise ValueError(
            f"{name} has shape {np.shape(x)}, but must be (samples,) or (channels, samples), 1 or 2 channels"
        )
    if not np.isfinite(rows).all():
        raise ValueError(f"{name} holds NaN or infinite samples: export it again")
    return rows


def _middle(x: Reals) -> Reals:
    """Both channels as one, blind to their order; the first alone where they cancel."""
    mid = x.sum(0, keepdims=True)
    return mid if np.sum(mid**2) > 0.05 * np.sum(x**2) else x[:1]


def _warped(x: Reader, clock: Clock, length: int) -> Reals:
    return x.at(clock.positions(length))


def _block(length: int, sample_rate: int) -> int:
    """Samples of a block: a power of two near a third of a second, eight of them in a short file."""
    return int(2 ** np.clip(np.round(np.log2(min(_BLOCK * sample_rate, max(length / 4, 64)))), 6, 17))


def _coarse(x: Reader, y: Reals, sample_rate: int) -> _Found:
    """The clock to some samples, the polarity, the confidence, and the block that gave them.

    First without a speed error, then with one, then in short blocks for a device that wobbles heavily.
    """
    size = _block(y.shape[1], sample_rate)
    start = Clock(best_lag(x.rows, y, sample_rate).lag, 0.0)
    found = [_proven(x, y, _agreement(x, y, start, sample_rate, size), sample_rate)]
    if found[0][2] < _TRUSTED:
        for speed, delay in search_speed(x.rows[0], y[0], sample_rate):
            there = _agreement(x, y, Clock(delay, 1 - speed), sample_rate, size)
            found.append(_proven(x, y, there, sample_rate))
        if max(each[2] for each in found) < _TRUSTED:
            found.append(_proven(x, y, _crowd(x, y, sample_rate, max(64, size // 4)), sample_rate))
    return max(found, key=lambda each: each[2])


def _proven(x: Reader, y: Reals, found: _Found, sample_rate: int) -> _Found:
    """The same, less sure where wet is all bass: any lag lies near a period of a low note, so it must also cohere."""
    clock, sign, confidence, size = found
    spectra = welch(_warped(x, clock, y.shape[1]), y, size)
    low = np.arange(size + 1) * sample_rate < 2 * size * _BASS
    power, coherent = spectra.yy[low].sum(), (spectra.coherence() * spectra.yy)[low].sum()
    if power < _ALL_BASS * spectra.yy.sum() or power == 0.0:
        return found
    return clock, sign, confidence * float(np.clip(coherent / (_COHERENT * power), _DOUBTFUL, 1.0)), size


def _agreement(x: Reader, y: Reals, clock: Clock, sample_rate: int, size: int) -> _Found:
    """The clock moved onto a line through the blocks' lags, twice, and the share of blocks that lie near it."""
    sign, share = 1, 0.0
    for _ in range(2):
        xw = _warped(x, clock, y.shape[1])
        peak = global_peak(xw, y)
        sign = peak.sign if abs(peak.lag) < size // 2 else sign
        lags = block_lags(xw, y, size, sign, size // 2)
        clear = lags.clear() if len(lags.clear().lags) >= _FEW else lags
        if len(clear.lags) < 2:
            return clock, sign, 0.0, size
        line = robust_line(clear.centres, clear.lags, _NEAR * sample_rate)
        near = np.abs(lags.lags - line.at(lags.centres)) < _NEAR * sample_rate
        audible = lags.heights > 0
        share = float(near[audible].mean()) if audible.any() else 0.0
        clock = clock.corrected(line.start, line.slope)
    return clock, sign, float(np.clip((share - _CHANCE) / (1 - _CHANCE), 0.0, 1.0)), size


def _crowd(x: Reader, y: Reals, sample_rate: int, size: int) -> _Found:
    """The same for time that moves by per cents: where the lags of short blocks crowd, if they follow one another.

    No line then, and the polarity is left to the phase.
    """
    reach = min(max(x.rows.shape[1], y.shape[1]), int(_FARTHEST * sample_rate))
    start = scattered_lag(x.rows[0], y[0], size, reach)
    lags = block_lags(_warped(x, Clock(start, 0.0), y.shape[1]), y, size, 1, size)
    audible = lags.lags[lags.heights > 0]
    if len(audible) < 4:
        return Clock(start, 0.0), 1, 0.0, size
    near = np.abs(audible - np.median(audible)) < _CROWD * sample_rate
    smooth = float(np.mean(np.abs(np.diff(audible)) < _FASTEST * size / 2))
    confidence = float(np.clip((smooth - _CHANCE) / (1 - _CHANCE), 0.0, 1.0))
    return Clock(round(start + float(np.mean(audible[near]))), 0.0), 1, confidence, size


def _are_swapped(x: Reader, y: Reals, clock: Clock) -> bool:
    if len(x.rows) == 1:
        return False
    xw = _warped(x, clock, y.shape[1])
    size = min(8192, max(64, y.shape[1] // 4))
    match = [[float(np.sum(welch(xw[i : i + 1], y[j : j + 1], size).coherence())) for j in (0, 1)] for i in (0, 1)]
    return match[0][1] + match[1][0] > 1.05 * (match[0][0] + match[1][1])


def _fine(x: Reader, y: Reals, clock: Clock, sign: int, size: int) -> tuple[Clock, int]:
    """A clear speed error refined on ever truer warps, or none; then the fraction of a sample."""
    steady, spread, drifts = _steady(x, y, clock, size, sign)
    clock, sign, spread = _drifting(x, y, clock, steady, sign, size) if drifts else (steady, sign, spread)
    if spread > _WOBBLE:
        return clock, sign
    lag, sign = likeliest_lag(welch(_warped(x, clock, y.shape[1]), y, size), reach=32)
    return clock.corrected(lag, 0.0), sign


def _steady(x: Reader, y: Reals, clock: Clock, size: int, sign: int) -> tuple[Clock, float, bool]:
    """The clock at speed 1, whole unless time wobbles; the wander about it; and whether a slope would be clear."""
    lags = _lags(_warped(x, clock, y.shape[1]), y, size, sign)
    delays = clock.start + clock.slope * lags.centres + (1 - clock.slope) * lags.lags
    line = robust_line(lags.centres, delays, 0.05)
    level = level_line(lags.centres, delays, 0.05)
    start = level.start if level.spread > _WOBBLE else round(level.start)
    return Clock(start, 0.0), level.spread, is_drift(line, y.shape[1], len(delays))


def _drifting(x: Reader, y: Reals, clock: Clock, steady: Clock, sign: int, size: int) -> tuple[Clock, int, float]:
    """The best clock with a speed error, its polarity and its wander; or the steady one where it coheres as well."""
    clock, other = _stacked(x, y, clock, sign, size)
    spread = 0.0
    for _ in range(3):
        lags = _lags(_warped(x, clock, y.shape[1]), y, size, other)
        line = robust_line(lags.centres, lags.lags, 0.05)
        clock, spread = clock.corrected(line.start, line.slope), line.spread
    if _coherence(x, y, clock, size) > _CLEARLY * _coherence(x, y, steady, size):
        return clock, other, spread
    return steady, sign, spread


def _stacked(x: Reader, y: Reals, clock: Clock, sign: int, size: int) -> tuple[Clock, int]:
    """The clock from the stacked correlations where dry and wet then cohere better, else as it was."""
    start, slope, other = stacked_line(_warped(x, clock, y.shape[1]), y, size, _SLIP)
    there = clock.corrected(start, slope)
    better = _coherence(x, y, there, size) > _CLEARLY * _coherence(x, y, clock, size)
    return (there, other) if better else (clock, sign)


def _coherence(x: Reader, y: Reals, clock: Clock, size: int) -> float:
    return float(welch(_warped(x, clock, y.shape[1]), y, size).coherence().sum())


def _lags(xw: Reals, y: Reals, size: int, sign: int) -> Lags:
    lags = block_lags(xw, y, size, sign, exact=True)
    clear = lags.clear()
    return clear if len(clear.lags) >= _FEW else lags


def _offsets(xw: Reals, y: Reals, sign: int, sample_rate: int) -> tuple[float, ...]:
    """Each channel's own lag after the warp, in seconds."""
    if len(y) == 1:
        return (0.0,)
    size = _block(y.shape[1], sample_rate)
    pairs = [(xw[i : i + 1], y[i : i + 1]) for i in range(len(y))]
    return tuple(
        0.0 if is_silent(b) else likeliest_lag(welch(a, b, size), 256, sign)[0] / sample_rate for a, b in pairs
    )
