"""Noise fitted by its spectra: the numbers under which what the quiet model leaves is likeliest."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Complex, Float

from ddspfx.fit.coordinates import Coordinate, coordinates, moved
from ddspfx.fit.whitening import GRAIN, cross_density

LONG, SHORT = 65_536, 4_096
"""Samples of a frame, below and above `CORNER`: rumble lies close together, and hiss wants to be averaged."""
CORNER = 150 / 44_100
"""Cycles a sample."""
FRAMES = 6
"""In a sound, at least."""
FIRST, STEP = 0.1, 0.01
"""Share by which a number is moved to see whether it is heard at all, and for its slope."""
DAMPING, GROWTH = 1e-3, 10.0
"""Of the diagonal, and by how much it grows when a step fails."""
FAR = 3.0
"""Times the model's power, from which what is seen counts by its logarithm."""
TRIALS = 5
"""Steps tried a round."""
FARTHEST = 0.15
"""Share of its range that a number moves in a round."""
ENOUGH = 1e-5
"""Fall of the negative log-likelihood a bin below which there is nothing left to gain."""
FLAT = 1e-3
"""Of the scaled information's largest eigenvalue: directions below it are left as they are."""
FLOOR = 1e-5
"""Of the mean density, added to both spectra: where neither speaks, nothing is compared."""

Density = Complex[np.ndarray, "bins channels channels"]
Sounds = Sequence[Float[np.ndarray, "channels samples"]]


class Scored(NamedTuple):
    """The model, and how much likelier a bin it has become."""

    model: Any
    gain: float


def likeliest(
    model: Any,
    noise: Callable[[Any], Sounds],
    residuals: Sounds,
    where: Sequence[Coordinate],
    *,
    rounds: int = 6,
) -> Scored:
    """The model with the numbers in `where` moved to where -log L = Σ_f log|S| + tr(S⁻¹ Ŝ) is least.

    Ŝ are the cross-spectral matrices of `residuals`, S those of `noise(model)`, what the model adds, which must be the
    same noise every time. Fisher's scoring with damping: I_ij = Σ tr(S⁻¹ ∂ᵢS S⁻¹ ∂ⱼS), ∂S by differences.
    Source: Whittle (1953), "The analysis of multiple stationary time series".
    """
    size = min(r.shape[1] for r in residuals)
    cells = _cells(size)
    raw = _pooled(residuals, size)
    floor = FLOOR * float(np.average(np.trace(raw, axis1=1, axis2=2).real, weights=cells)) / raw.shape[1] + GRAIN
    seen = raw + floor * np.eye(raw.shape[1])

    def spectrum(device: Any) -> Density:
        density: Density = _pooled(noise(device), size) + floor * np.eye(raw.shape[1])
        return density

    damping, now = DAMPING, spectrum(model)
    first = best = _cost(now, seen, cells)
    for _ in range(rounds):
        where = _refreshed(model, where)
        shares, inverse = np.array([one.share for one in where]), np.linalg.inv(now)
        turned = np.stack([inverse @ _slope(spectrum, model, one, now) for one in where])
        matrix = np.einsum("f,afij,bfji->ab", cells, turned, turned, optimize=True).real
        pull = np.einsum("f,afij,fji->a", cells, turned, _excess(now, seen), optimize=True).real
        began = best
        for _ in range(TRIALS):
            step = _solved(matrix, pull, damping)
            step = np.clip(step * min(1.0, FARTHEST / (np.max(np.abs(step)) + 1e-30)), -shares, 1 - shares)
            trial = moved(model, where, step)
            then = spectrum(trial)
            cost = _cost(then, seen, cells)
            if cost < best:
                model, now, best, damping = trial, then, cost, damping / GROWTH
                break
            damping *= GROWTH
        if began - best < ENOUGH:
            break
    return Scored(model, first - best)


def _excess(model: Density, seen: Density) -> Density:
    """Ŝ S⁻¹ - 1, what is far too loud counted by its logarithm: a level 20 dB off is not 100 times a step."""
    root = np.linalg.cholesky(model)
    inner = np.linalg.solve(root, np.swapaxes(np.linalg.solve(root, seen), 1, 2).conj())
    values, vectors = np.linalg.eigh(inner)
    tamed = np.where(values > FAR, FAR - 1 + np.log(np.maximum(values, FAR) / FAR), values - 1)
    turned = root @ vectors
    excess: Density = (turned * tamed[:, None, :]) @ np.linalg.inv(turned)
    return excess


def _solved(matrix: Any, pull: Any, damping: float) -> Any:
    """The damped step, none along what the spectra do not tell."""
    scale = np.sqrt(np.maximum(np.diag(matrix), 1e-12 * np.max(np.diag(matrix)) + 1e-30))
    values, vectors = np.linalg.eigh(matrix / np.outer(scale, scale))
    firm = values > FLAT * values[-1]
    along = np.where(firm, (vectors.T @ (pull / scale)) / np.where(firm, values + damping, 1.0), 0.0)
    return vectors @ along / scale


def heard(model: Any, noise: Callable[[Any], Sounds], where: Sequence[Coordinate]) -> list[Coordinate]:
    """The coordinates that the noise hears."""
    plain, found = noise(model), []
    for one in where:
        step = FIRST if one.share < 0.5 else -FIRST
        other = noise(moved(model, [one], np.array([step])))
        if any(np.any(a != b) for a, b in zip(plain, other, strict=True)):
            found.append(one)
    return found


def _refreshed(model: Any, where: Sequence[Coordinate]) -> list[Coordinate]:
    """The same coordinates where the model has them now."""
    names = {one.name for one in where}
    return [one for one in coordinates(model) if one.name in names]


def _slope(spectrum: Any, model: Any, one: Coordinate, now: Density) -> Density:
    step = STEP if one.share + STEP <= 1.0 else -STEP
    changed: Density = (spectrum(moved(model, [one], np.array([step]))) - now) / step
    return changed


def _windows(size: int) -> list[tuple[int, slice]]:
    """Samples of the frames, and the bins that are taken of them: the long ones' low, the short ones' others."""
    found = []
    for most in (LONG, SHORT):
        window = min(most, 2 ** int(np.log2(max(size / FRAMES, 16))))
        edge = round(CORNER * window)
        found.append((window, slice(1, edge) if most == LONG else slice(max(edge, 1), window // 2)))
    return found


def _cells(size: int) -> Float[np.ndarray, " bins"]:
    """By how many bins of a transform of the whole each bin stands for, as a share of all."""
    widths = np.concatenate([np.full(len(range(*part.indices(w // 2 + 1))), 1 / w) for w, part in _windows(size)])
    return np.asarray(widths / np.sum(widths))


def _pooled(sounds: Sounds, size: int) -> Density:
    """The mean of all sounds' densities, each by its length, the bins of both windows in a row."""
    total = sum(sound.shape[1] for sound in sounds)
    rows = [
        np.sum([cross_density(x, window)[1][part] * (x.shape[1] / total) for x in sounds], axis=0)
        for window, part in _windows(size)
    ]
    return np.concatenate(rows)


def _cost(model: Density, seen: Density, cells: Any) -> float:
    """-log L a bin, less what it is where both agree."""
    ratio = np.linalg.solve(model, seen)
    determinant = np.linalg.slogdet(ratio)[1].real
    return float(np.sum(cells * (np.trace(ratio, axis1=1, axis2=2).real - determinant - seen.shape[1])))


__all__ = ["Scored", "heard", "likeliest"]
