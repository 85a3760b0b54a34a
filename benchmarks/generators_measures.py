"""Distances between two sets of windows: third octaves, Wasserstein-1, autocorrelation."""

import numpy as np

SURE_DB = 0.25


def spectra(windows: np.ndarray) -> np.ndarray:
    """Mean and standard error over windows of the Hann power in each bin, (2, bins)."""
    total, square = 0.0, 0.0
    window = np.hanning(windows.shape[1])
    for at in range(0, len(windows), 64):
        power = np.abs(np.fft.rfft(windows[at : at + 64].astype(np.float64) * window)) ** 2
        total, square = total + power.sum(0), square + (power**2).sum(0)
    mean = np.asarray(total) / len(windows)
    return np.stack([mean, np.sqrt(np.maximum(np.asarray(square) / len(windows) - mean**2, 0) / len(windows))])


def edges(bins: int, rate: float) -> list[tuple[int, int]]:
    """First and last bin + 1 of each third octave with two or more bins, above the first bin that Hann leaks into."""
    step = rate / 2 / (bins - 1)
    centres = 1000.0 * 2.0 ** (np.arange(-48, 15) / 3)
    spans = [(int(np.ceil(c * 2 ** (-1 / 6) / step)), int(np.ceil(c * 2 ** (1 / 6) / step))) for c in centres]
    return [(a, b) for a, b in spans if a >= 2 and b - a >= 2 and b <= bins]


def octaves(real: np.ndarray, made: np.ndarray, rate: float, lowest: float = 0.0) -> tuple[float, int]:
    """The largest difference in dB and the number of bands above `lowest` Hz that the data determine."""
    (one, error), (two, _) = spectra(real), spectra(made)
    off = []
    for a, b in edges(one.size, rate):
        if a * rate / 2 / (one.size - 1) < lowest:
            continue
        # Bins of a Hann window are correlated with their neighbours: the error of a sum is at most 1.4 times as large.
        sure = 4.34 * 1.4 * np.sqrt(np.sum(error[a:b] ** 2)) / one[a:b].sum()
        if sure <= SURE_DB:
            off.append(abs(10 * np.log10(two[a:b].sum() / one[a:b].sum())))
    return float(max(off)), len(off)


def wasserstein(real: np.ndarray, made: np.ndarray, points: int = 2000) -> float:
    """Wasserstein-1 of all values, over the real ones' standard deviation, by even quantiles."""
    shares = (np.arange(points) + 0.5) / points
    some = [x.ravel()[:: max(1, x.size // 4_000_000)].astype(np.float64) for x in (real, made)]
    return float(np.mean(np.abs(np.quantile(some[0], shares) - np.quantile(some[1], shares))) / some[0].std())


def increments(windows: np.ndarray) -> np.ndarray:
    """First differences, of some windows where they are long."""
    return np.diff(windows[:: max(1, windows.size // 8_000_000)])


def autocorrelation(real: np.ndarray, made: np.ndarray) -> float:
    """The largest difference of the normalised autocorrelations."""
    lags = min(real.shape[1] // 4, 256)
    curves = []
    for x in (real, made):
        x = x[:: max(1, x.size // 16_000_000)].astype(np.float64)
        power = np.mean(np.abs(np.fft.rfft(x, 2 * x.shape[1])) ** 2, axis=0)
        curve = np.fft.irfft(power)[:lags] / (x.shape[1] - np.arange(lags))
        curves.append(curve / curve[0])
    return float(np.max(np.abs(curves[0] - curves[1])))
