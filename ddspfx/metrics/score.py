"""The score of a rendering against a recording: what is reported, in float64, over a named stretch of time."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ddspfx.metrics.spectral import mr_stft

FRAME = 0.05
"""Seconds; the length over which quiet is judged."""
LONGEST_LAG = 0.25
"""Seconds; a residual lag is looked for up to here on both sides."""
SILENCE = 1e-10
"""RMS, -200 dBFS: what an exact residual is reported as."""

Numbers = Float[np.ndarray, "channels samples"]


class Score(NamedTuple):
    """Figures of one rendering, and the stretch of it that they are of."""

    esr: float
    """sum (p - t)^2 / sum t^2 over samples and channels, unfiltered."""
    mae: float
    """mean |p - t|."""
    mr_stft: float
    """Multi-resolution STFT distance; see `ddspfx.losses.spectral.mr_stft`."""
    latency_samples: float
    """How much later the prediction is than the target: where their cross-correlation is highest."""
    noise_db: float
    """RMS of p - t in dBFS over the quietest tenth of the target's frames of 50 ms; at least -200."""
    scored_from_s: float
    scored_to_s: float
    error_energy: float
    target_energy: float


class Summary(NamedTuple):
    """Figures of several renderings together."""

    esr: float
    """Global: total error energy over total target energy."""
    esr_mean: float
    """Mean of each file's ESR."""
    mae: float
    mr_stft: float
    latency_samples: float
    noise_db: float
    scored_from_s: float
    scored_to_s: float


def window(
    count_dry: int, count_wet: int, latency_samples: float, sample_rate: int, margin: float = 0.05
) -> tuple[int, int]:
    """First and last-plus-one sample of the wet file whose source surely lies inside the dry one, less the margins.

    Output n was input n - delay, with a delay between 0 and `latency_samples`, the longest one (between it and 0
    when it is negative: wet ahead of dry). So start = max(0, latency) + margin and
    stop = min(count_wet, count_dry + min(0, latency)) - margin, rounded inwards; `margin` in seconds.
    Raises ValueError when nothing is left.
    """
    edge = math.ceil(margin * sample_rate)
    start = max(0, math.ceil(latency_samples)) + edge
    stop = min(count_wet, count_dry + min(0, math.floor(latency_samples))) - edge
    if start >= stop:
        raise ValueError(
            f"prediction has {count_wet} samples, but must have more than {start + edge} to be scored: "
            f"{margin * 1e3:g} ms at each end and what came from before the dry file do not count"
        )
    return start, stop


def score(
    prediction: Float[np.ndarray, "..."],
    target: Float[np.ndarray, "..."],
    sample_rate: int,
    *,
    start: int = 0,
    stop: int | None = None,
) -> Score:
    """Compares two signals, (samples,) or (channels, samples), from sample `start` to before `stop`; see `Score`.

    Nothing is filtered, shifted or scaled first. Raises ValueError, naming the argument, for an empty one, unequal
    shapes, NaN or infinity, a stretch outside the signal, and a target silent throughout it (no ratio to that).
    """
    p, t = _checked("prediction", prediction), _checked("target", target)
    if p.shape != t.shape:
        raise ValueError(f"prediction has shape {p.shape}, but must have the target's (channels, samples), {t.shape}")
    if sample_rate < 1:
        raise ValueError(f"sample_rate is {sample_rate}, but must be at least 1 Hz")
    stop = t.shape[1] if stop is None else stop
    if not 0 <= start < stop <= t.shape[1]:
        raise ValueError(f"start and stop are {start} and {stop}, but must be 0 <= start < stop <= {t.shape[1]}")
    p, t = p[:, start:stop], t[:, start:stop]
    error, energy = float(np.sum((p - t) ** 2)), float(np.sum(t**2))
    if energy == 0:
        raise ValueError("target is silent where it is scored, but must not be: choose another stretch or file")
    return Score(
        esr=error / energy,
        mae=float(np.mean(np.abs(p - t))),
        mr_stft=mr_stft(p, t),
        latency_samples=lag(p, t, math.ceil(LONGEST_LAG * sample_rate)),
        noise_db=noise_level(p, t, sample_rate),
        scored_from_s=start / sample_rate,
        scored_to_s=stop / sample_rate,
        error_energy=error,
        target_energy=energy,
    )


def summary(scores: Sequence[Score]) -> Summary:
    """Several scores as one: ESR global and as the mean over files, the rest as means weighted by their seconds.

    `noise_db` averages powers; `scored_from_s` and `scored_to_s` are the earliest and the latest.
    Raises ValueError when there are none.
    """
    if not scores:
        raise ValueError("scores is empty, but must hold at least one Score")
    seconds = np.array([s.scored_to_s - s.scored_from_s for s in scores])

    def mean(values: Sequence[float]) -> float:
        return float(np.average(values, weights=seconds))

    return Summary(
        esr=sum(s.error_energy for s in scores) / sum(s.target_energy for s in scores),
        esr_mean=float(np.mean([s.esr for s in scores])),
        mae=mean([s.mae for s in scores]),
        mr_stft=mean([s.mr_stft for s in scores]),
        latency_samples=mean([s.latency_samples for s in scores]),
        noise_db=10 * math.log10(mean([10 ** (s.noise_db / 10) for s in scores])),
        scored_from_s=min(s.scored_from_s for s in scores),
        scored_to_s=max(s.scored_to_s for s in scores),
    )


def lag(prediction: Numbers, target: Numbers, longest: int) -> float:
    """Samples by which the prediction is later than the target, to a small fraction of one.

    The whole lag with the highest cross-correlation (channels summed, zero-padded, up to `longest` either way), then
    Newton's steps on the correlation between samples, c(s) = sum_k Re(P[k] conj(T[k]) exp(j w_k s)), from a
    parabola's peak. 0 when one of them is silent.
    """
    longest = min(longest, target.shape[1] - 1)
    size = 1 << (target.shape[1] + longest).bit_length()
    cross = np.sum(np.fft.rfft(prediction, size) * np.conj(np.fft.rfft(target, size)), axis=0)
    near = np.fft.irfft(cross, size)[np.arange(-longest, longest + 1)]
    best = int(np.argmax(near))
    if near[best] <= 0:
        return 0.0
    if best in (0, 2 * longest):
        return float(best - longest)
    left, peak, right = near[best - 1 : best + 2]
    bend = left - 2 * peak + right
    fraction = 0.5 * (left - right) / bend if bend < 0 else 0.0
    omega = 2 * np.pi * np.arange(cross.size) / size
    turned = cross * np.exp(1j * omega * (best - longest))
    for _ in range(4):
        here = turned * np.exp(1j * omega * fraction)
        slope, curvature = -np.sum(omega * here.imag), -np.sum(omega**2 * here.real)
        if curvature >= 0:
            break
        fraction = float(np.clip(fraction - slope / curvature, -1.0, 1.0))
    return float(best - longest + fraction)


def noise_level(prediction: Numbers, target: Numbers, sample_rate: int) -> float:
    """RMS in dBFS of prediction - target over the quietest tenth (at least one) of the target's frames of 50 ms.

    What is left over ends at the last whole frame; a signal shorter than a frame is one. At least -200 dBFS.
    """
    length = min(max(1, round(FRAME * sample_rate)), target.shape[1])
    number = target.shape[1] // length

    def power(x: Numbers) -> Float[np.ndarray, " frames"]:
        return np.asarray(np.mean(x[:, : number * length].reshape(x.shape[0], number, length) ** 2, axis=(0, 2)))

    quietest = np.argsort(power(target), kind="stable")[: max(1, number // 10)]
    return 20 * math.log10(max(math.sqrt(float(np.mean(power(prediction - target)[quietest]))), SILENCE))


def _checked(name: str, x: Float[np.ndarray, "..."]) -> Numbers:
    x = np.asarray(x, float)
    if x.ndim not in (1, 2):
        raise ValueError(f"{name} has {x.ndim} axes, but must be (samples,) or (channels, samples)")
    if x.size == 0:
        raise ValueError(f"{name} is empty, but must hold at least one sample")
    if not np.isfinite(x).all():
        raise ValueError(f"{name} holds NaN or infinity, but must be finite")
    return np.atleast_2d(x)
