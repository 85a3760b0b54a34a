"""The pauses of a record, its lead-in among them: where nothing is heard but the groove."""

import itertools

import numpy as np
from jaxtyping import Bool, Float

Sound = Float[np.ndarray, "channels samples"]
Marks = Bool[np.ndarray, " samples"]

_FRAME = 0.1  # s
_LOW, _HIGH = 300.0, 6_000.0  # Hz in which programme is heard and neither rumble nor hum is
_LOUDER = 6.0  # dB over the floor that is a pause still
_FLOOR = 0.03  # share of the frames that are as quiet as the floor
_SILENT = -140.0  # dB of full scale below which nothing was recorded
_RUN, _LEAST = 0.4, 1.0  # s of a pause, and of all
_STEADY = 2.5  # times the deviation that noise of its bandwidth has from frame to frame
_EDGE = 2  # frames at both ends of a pause that are left out


def pauses(x: Sound, sample_rate: int) -> Marks:
    """Which samples of a sound without its clicks lie in a pause; none where no second of them is found.

    Frames of 0.1 s within 6 dB of the quietest, in runs of 0.4 s or more, whose levels in third octaves change
    from frame to frame as those of noise do: a soft chord is no pause. Digital silence is none either.
    """
    size = round(_FRAME * sample_rate)
    count = x.shape[1] // size
    marks = np.zeros(x.shape[1], bool)
    if count < 4:
        return marks
    bands = frame_levels(x, sample_rate, size)
    level = 10 * np.log10(bands.sum(1) + 1e-30)
    heard = level > _SILENT
    if heard.sum() < _LEAST / _FRAME:
        return marks
    calm = _smooth(level)
    quiet = _runs(heard & (calm < np.quantile(calm[heard], _FLOOR) + _LOUDER), round(_RUN / _FRAME))
    if quiet.sum() < _LEAST / _FRAME or not _is_noise(bands, quiet):
        return marks
    marks[: count * size] = np.repeat(quiet, size)
    return marks


def frame_levels(x: Sound, sample_rate: int, size: int) -> Float[np.ndarray, "frames bands"]:
    """The power in third octaves from 300 to 6000 Hz of each frame, mean over the channels."""
    frames = x[:, : x.shape[1] // size * size].reshape(len(x), -1, size)
    power = np.mean(np.abs(np.fft.rfft(frames * np.hanning(size))) ** 2, 0) * (16 / 3 / size**2)
    frequency = np.fft.rfftfreq(size, 1 / sample_rate)
    edges = np.geomspace(_LOW, min(_HIGH, 0.4 * sample_rate), 14)
    places = np.searchsorted(frequency, edges)
    return np.stack([power[:, a:b].sum(1) for a, b in itertools.pairwise(places)], 1)


def _smooth(level: Float[np.ndarray, " frames"]) -> Float[np.ndarray, " frames"]:
    from scipy.ndimage import median_filter

    calm: Float[np.ndarray, " frames"] = median_filter(level, 5, mode="nearest")
    return calm


def _runs(quiet: Bool[np.ndarray, " frames"], least: int) -> Bool[np.ndarray, " frames"]:
    """Runs of quiet frames, their ends next to something louder left out."""
    kept = np.zeros(len(quiet), bool)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], quiet.astype(int), [0]])))
    for first, last in zip(edges[::2], edges[1::2], strict=True):
        if last - first >= least:
            kept[first + (_EDGE if first else 0) : last - (_EDGE if last < len(quiet) else 0)] = True
    return kept


def _is_noise(bands: Float[np.ndarray, "frames bands"], quiet: Bool[np.ndarray, " frames"]) -> bool:
    """Whether levels change from one quiet frame to the next as those of noise do.

    Power in a band of width B over a time T has a relative deviation of 1/√(BT) for one channel under no window.
    """
    both = quiet[1:] & quiet[:-1]
    if both.sum() < 4:
        return False
    level = np.log(bands + 1e-30)
    change = np.diff(level, axis=0)[both]
    edges = np.geomspace(_LOW, _HIGH, bands.shape[1] + 1)
    wanted = np.sqrt(2 * 2 / (np.diff(edges) * _FRAME))
    found = np.median(np.abs(change), 0) / 0.6745
    return bool(np.median(found / wanted) < _STEADY and _even(level[quiet]))


def _even(level: Float[np.ndarray, "frames bands"]) -> bool:
    """Whether no band moves as music does: the middle half of the frames within 6 dB."""
    low, high = np.quantile(level, (0.25, 0.75), axis=0)
    return bool(np.median(high - low) < 6 / 4.34)
