"""The response of a record against its original, stretch by stretch, and what it does not explain."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Complex, Float

from ddspfx.analysis.wow_flutter import Reading

Sound = Float[np.ndarray, "channels samples"]
Series = Float[np.ndarray, " values"]
Matrix = Complex[np.ndarray, "bins channels channels"]

_STRETCH = 8.0  # s that one response serves, half overlapping
_SIZE = 4096  # points of a response
_FLOOR = 1e-3  # of the usual power, below which the original tells nothing at a frequency
_KNOWN = 0.5  # coherence from which on a response is known
_ALIKE = 0.9  # coherence of the original's channels, above which they are one
_BAND = (700.0, 1_400.0)  # Hz around the 1 kHz for which crosstalk is given
_DOWN = 6.0  # dB below 1 kHz where the band ends
_SHOWN = 60  # frequencies of a smooth response
_REFERENCE = (700.0, 1_400.0)


class Responses(NamedTuple):
    """At `times` (s) the `level` in dB; `frequency` (Hz) and the response in dB of each stretch, NaN where unknown.

    `usual` is the median response, 0 dB at 1 kHz, None where it is known nowhere; `gain` the usual factor.
    """

    times: Series
    level: Series
    frequency: Series
    response: Float[np.ndarray, "times bins"]
    usual: Series | None
    gain: float
    crosstalk: Reading | None
    bandwidth: Reading | None


def explained(heard: Sound, wet: Sound, sample_rate: int, first: int, last: int) -> tuple[Responses, Sound]:
    """Responses of `wet` to the original as it was turned, `heard`, from `first` to `last`; and what is left of wet.

    In each of half overlapping stretches of 8 s the matrix of responses between the channels is the cross-spectra
    times the inverse of the original's own (Bendat and Piersol 2010, "Random Data", ch. 7); a click in one frame
    counts as little as the frame is louder. The rest fades from one stretch's to the next.
    """
    half = round(_STRETCH / 2 * sample_rate)
    middles = np.arange(first, max(last - half // 2, first + 1), half) + half // 2
    rest, weight = wet.copy(), np.zeros(wet.shape[1])
    added, told = np.zeros_like(wet), []
    for middle in middles:
        low, high = max(int(middle) - half, first), min(int(middle) + half, last)
        matrix, coherence = _matrix(heard[:, low:high], wet[:, low:high])
        fade = np.hanning(high - low + 2)[1:-1]
        added[:, low:high] += fade * _through(matrix, heard[:, low:high])
        weight[low:high] += fade
        told.append((matrix, coherence))
    rest -= added / np.maximum(weight, 1e-9)
    return _summed(middles / sample_rate, told, sample_rate), rest


def _frames(x: Sound) -> Complex[np.ndarray, "channels frames bins"]:
    frames = np.lib.stride_tricks.sliding_window_view(x, min(_SIZE, x.shape[1]), axis=1)[:, :: _SIZE // 2]
    found: Complex[np.ndarray, "channels frames bins"] = np.fft.rfft(frames * np.hanning(frames.shape[2]), _SIZE)
    return found


def _matrix(x: Sound, y: Sound) -> tuple[Matrix, Float[np.ndarray, "bins channels"]]:
    """H = S_yx S_xx^-1 at each bin, and the multiple coherence of each channel of y."""
    X, Y = _frames(x), _frames(y)
    own = np.einsum("afb,cfb->bac", X, np.conj(X))
    cross = np.einsum("afb,cfb->bac", Y, np.conj(X))
    power = np.real(np.trace(own, axis1=1, axis2=2))
    own = own + (1e-6 * power[:, None, None] + _FLOOR**2 * np.mean(power)) * np.eye(len(x)) + 1e-30 * np.eye(len(x))
    matrix = np.linalg.solve(np.swapaxes(own, 1, 2), np.swapaxes(cross, 1, 2))
    matrix = np.swapaxes(matrix, 1, 2)
    said = np.real(np.einsum("bac,bac->ba", matrix, np.conj(cross)))
    whole = np.sum(np.abs(Y) ** 2, 1).T + 1e-30
    return matrix, np.clip(said / whole, 0.0, 1.0)


def _through(matrix: Matrix, x: Sound) -> Sound:
    """`x` through the responses, centred: half of them lies before the present."""
    from scipy.signal import oaconvolve

    taps = np.fft.irfft(np.moveaxis(matrix, 0, -1), _SIZE)
    taps = np.roll(taps, _SIZE // 2, -1) * np.hanning(_SIZE + 1)[:-1] ** 0.25
    rows = [sum(oaconvolve(x[c], taps[a, c])[_SIZE // 2 :][: x.shape[1]] for c in range(len(x))) for a in range(len(x))]
    return np.stack([np.asarray(row) for row in rows])


def _summed(times: Series, told: list[tuple[Matrix, np.ndarray]], sample_rate: int) -> Responses:
    at = np.fft.rfftfreq(_SIZE, 1 / sample_rate)
    shown = np.geomspace(40.0, 0.45 * sample_rate, _SHOWN)
    rows = np.stack([_smooth(at, matrix, coherence, shown) for matrix, coherence in told])
    near = (shown > _REFERENCE[0]) & (shown < _REFERENCE[1])
    level = np.array([np.nanmean(row[near]) if np.isfinite(row[near]).any() else np.nan for row in rows])
    known = np.isfinite(rows).sum(0) >= max(1, len(rows) // 4)
    usual = None
    if known[near].any() and known.sum() > _SHOWN // 4:
        middle = np.full(len(shown), np.nan)
        middle[known] = [np.nanmedian(column) for column in rows.T[known]]
        usual = np.interp(np.log(shown), np.log(shown[known]), middle[known] - np.nanmean(middle[near]))
    gain = float(10 ** (np.nanmedian(level) / 20)) if np.isfinite(level).any() else 1.0
    edge = None if usual is None else _edge(shown, usual, known)
    return Responses(times, level, shown, rows, usual, gain, _crossed(at, told), edge)


def _smooth(at: Series, matrix: Matrix, coherence: np.ndarray, shown: Series) -> Series:
    """The mean power of the direct responses over a sixth of an octave, in dB."""
    direct = np.mean(np.abs(np.einsum("baa->ba", matrix)) ** 2, 1)
    sure = coherence.mean(1)
    values = []
    for f in shown:
        near = np.abs(np.log2(np.maximum(at, 1e-9) / f)) < max(1 / 12, 0.7 * at[1] / f)
        known = near & (sure > _KNOWN)
        values.append(10 * np.log10(np.mean(direct[known])) if known.sum() >= max(1, near.sum() // 2) else np.nan)
    return np.array(values)


def _crossed(at: Series, told: list[tuple[Matrix, np.ndarray]]) -> Reading | None:
    """The responses between the channels over those within them, mean of both ways."""
    if told[0][0].shape[1] < 2:
        return None
    near = (at > _BAND[0]) & (at < _BAND[1])
    ratios = []
    for matrix, coherence in told:
        part, sure = matrix[near], coherence[near].min(1) > _ALIKE
        if sure.any():
            # The median does not mind frequencies at which the original's channels are nearly one.
            across = np.abs(part[sure][:, [0, 1], [1, 0]]) / np.abs(part[sure][:, [0, 1], [0, 1]])
            ratios.append(20 * np.log10(np.median(across) + 1e-12))
    if not ratios or np.median(ratios) > -3:
        return None
    return Reading(float(np.median(ratios)), float(np.std(ratios) / np.sqrt(len(ratios)) + 1.0))


def _edge(shown: Series, usual: Series, known: np.ndarray) -> Reading | None:
    """Where the response falls 6 dB below 1 kHz for good; None where it is known to go on."""
    high = shown[known & (shown > 1_000.0)]
    below = shown[(usual < -_DOWN) & known & (shown > 1_000.0)]
    if not len(below) or not len(high):
        return None
    above = shown[(usual >= -_DOWN) & known]
    edge = float(above.max())
    return Reading(edge, edge * float(np.log(shown[1] / shown[0]))) if edge < high.max() else None
