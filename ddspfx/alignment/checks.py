"""What is odd about a pair, in plain sentences."""

import numpy as np

from ddspfx.alignment.interpolate import Reals
from ddspfx.alignment.search import RATE_RATIOS

_RUN = 4  # equal samples at the peak that a natural crest does not have
_RUNS = 5
_LONG_SILENCE = 1.0  # s
_SILENT = 1e-4  # of the loudest 50 ms
_EARLY = 0.001  # s before dry that wet may seem to begin through its filters


def odd_sound(x: Reals, name: str, sample_rate: int) -> list[str]:
    """Clipping and long silence of one recording, (channels, samples)."""
    found = []
    if is_silent(x):
        return [f"{name} is silent."]
    if (runs := _runs_at_peak(x)) >= _RUNS:
        found.append(f"{name} stays at its peak of {np.max(np.abs(x)):.3g} {runs} times: it may be clipped.")
    lead, tail, share = _silences(x, sample_rate)
    if lead >= _LONG_SILENCE:
        found.append(f"{name} is silent for its first {lead:.1f} s.")
    if tail >= _LONG_SILENCE:
        found.append(f"{name} is silent for its last {tail:.1f} s.")
    if share > 0.5:
        found.append(f"{name} is silent for {100 * share:.0f} % of its length.")
    return found


def odd_match(latency: float, speed: float, confidence: float, swapped: bool) -> list[str]:
    """What the result of an alignment says about the pair; latency in seconds."""
    found = []
    if confidence < 0.3:
        found.append("Dry and wet hardly match: they may be a wrong pair.")
    elif latency < -_EARLY:
        found.append(f"Wet begins {-latency:.4f} s before dry: they may be exchanged, or wet's start was cut.")
    if swapped:
        found.append("Left and right are exchanged in wet.")
    for ratio in RATE_RATIOS:
        if abs(speed / ratio - 1) < 0.002:
            found.append(f"Wet runs {speed:.4f} times as fast, a ratio of sample rates: one file states a wrong rate.")
    return found


def is_silent(x: Reals) -> bool:
    """Whether nothing but a constant is there."""
    return bool(np.max(np.ptp(x, axis=1)) < 1e-9)


def _runs_at_peak(x: Reals) -> int:
    """How often a channel stays exactly at its own peak, either side, for some samples."""
    peaks = np.max(np.abs(x), axis=1, keepdims=True)
    at_peak = np.abs(x) >= peaks * (1 - 1e-7)
    held = np.lib.stride_tricks.sliding_window_view(at_peak, min(_RUN, x.shape[1]), axis=1).all(-1)
    return int(np.sum(np.diff(held.astype(int), axis=1, prepend=0) == 1))


def _silences(x: Reals, sample_rate: int) -> tuple[float, float, float]:
    """Seconds of silence at the start and at the end, and the share that is silent."""
    size = max(1, sample_rate // 20)
    if x.shape[1] < size:
        return 0.0, 0.0, 0.0
    frames = x[:, : x.shape[1] // size * size].reshape(x.shape[0], -1, size)
    level = np.sqrt(np.max(np.var(frames, axis=-1), axis=0))
    loud = np.flatnonzero(level > _SILENT * level.max())
    lead, tail = loud[0], len(level) - 1 - loud[-1]
    return float(lead / 20), float(tail / 20), 1 - len(loud) / len(level)
