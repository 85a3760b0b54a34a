"""The numbers of a bank of fixed-pole filters in closed form, from spectra."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Complex, Float

from ddspfx.blocks.parallel_filters import ParallelFilters

RIDGE = 1e-3
"""Of the mean diagonal of the normal matrix: what keeps sections nobody hears from growing."""
FLOOR = 0.03
"""Of the signal's power: a response is never known better than this, since a tape's level wanders."""
SMOOTH = 9
"""Bins over which the power of the noise is averaged."""
LOWEST, NARROW, OCTAVE = 12.0, 1.0, 48
"""Bins begin at 12 Hz, are 1 Hz wide at first, and a 48th of an octave from where that is wider."""
FADE_S = 0.01


class Spectra(NamedTuple):
    """Power of input and target, and the response between them, in bins about `frequencies`, Hz."""

    frequencies: Float[np.ndarray, " bins"]
    input: Float[np.ndarray, " bins"]
    target: Float[np.ndarray, " bins"]
    response: Complex[np.ndarray, " bins"]

    @classmethod
    def of(cls, u: np.ndarray, y: np.ndarray, part: tuple[int, int], rate: int) -> "Spectra":
        """From `u` and `y` (channels, samples), whose part is faded in and out and transformed as a whole."""
        start, stop = part
        window = np.zeros(y.shape[1])
        window[start:stop] = 1.0
        fade = min(round(FADE_S * rate), (stop - start) // 4)
        window[start : start + fade] = np.sin(np.linspace(0, np.pi / 2, fade)) ** 2
        window[stop - fade : stop] = window[start : start + fade][::-1]
        count = 2 ** int(np.ceil(np.log2(y.shape[1]) + 1))
        U, Y = (np.fft.rfft(np.asarray(x, np.float64) * window, count) for x in (u, y))
        edges = bin_edges(rate)
        places = np.searchsorted(edges, np.fft.rfftfreq(count, 1 / rate), side="right")

        def binned(rows: np.ndarray) -> np.ndarray:
            return np.asarray(np.bincount(places, rows.sum(0), len(edges) + 1)[1:-1])

        power, cross = binned(np.abs(U) ** 2), Y * U.conj()
        response = (binned(cross.real) + 1j * binned(cross.imag)) / (power + 1e-300)
        return cls((edges[1:] + edges[:-1]) / 2, power, binned(np.abs(Y) ** 2), response)


def bin_edges(rate: int) -> Float[np.ndarray, " edges"]:
    """Hz: evenly spaced at first, then in equal ratios, up to just below the Nyquist frequency."""
    ratio = 2 ** (1 / OCTAVE)
    turn = NARROW / (ratio - 1)
    steps = int(np.log(0.49 * rate / turn) / np.log(ratio))
    return np.concatenate([np.arange(LOWEST, turn, NARROW), turn * ratio ** np.arange(steps + 1)])


def weighted(spectra: Spectra, evenness: float) -> Float[np.ndarray, " bins"]:
    """What an error of the response counts in each bin, the recording's energy being 1.

    W = S_uu / (S_ee + .03 S_yy)^evenness, S_ee the power that the bin's own response leaves. At 0 that is the
    waveform's error; at 1 the information that a bin holds about the response, however faint it plays.
    """
    from scipy.ndimage import uniform_filter1d

    left = np.maximum(spectra.target - spectra.input * np.abs(spectra.response) ** 2, 0.0)
    noise, signal = (uniform_filter1d(power, SMOOTH, mode="nearest") for power in (left, spectra.target))
    W = spectra.input / (noise + FLOOR * signal + 1e-9 * np.sum(signal) + 1e-300) ** evenness
    return np.asarray(W / (np.sum(W * np.abs(spectra.response) ** 2) + 1e-300))


def filters_solved(
    block: ParallelFilters,
    inputs: Sequence[np.ndarray],
    targets: Sequence[np.ndarray],
    parts: Sequence[tuple[int, int]],
    rate: int,
    evenness: float,
) -> ParallelFilters:
    """The bank whose response comes nearest to that of all recordings, each counting alike.

    Minimises Σ_takes Σ_f W(f) |B(f)ᵀ w - H(f)|² + ridge |w|² for the weights w, with H(f) the response found in
    narrow bins; `inputs` and `targets` are (channels, samples), compared within `parts`.
    """
    spectra = [Spectra.of(u, y, part, rate) for u, y, part in zip(inputs, targets, parts, strict=True)]
    if not any(np.any(s.input) for s in spectra):
        return block
    basis = np.asarray(block.responses(spectra[0].frequencies, rate), np.complex128).T
    scale = np.sqrt(np.mean(np.abs(basis) ** 2, axis=0))
    basis = basis / scale
    matrix = np.zeros((basis.shape[1],) * 2)
    right = np.zeros(basis.shape[1])
    for one in spectra:
        W = weighted(one, evenness) / len(spectra)
        heavy = basis.conj().T * W
        matrix += (heavy @ basis).real
        right += (heavy @ one.response).real
    ridge = RIDGE * np.trace(matrix) / len(right)
    numbers = np.linalg.solve(matrix + ridge * np.eye(len(right)), right)
    return block.with_weights(numbers / scale)
