"""Levenberg and Marquardt over the slots of a quiet model, each recording's delay and level moved with them."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from ddspfx.block import AbstractBlock, quiet
from ddspfx.fit.coordinates import Coordinate, coordinates, moved
from ddspfx.fit.curvature import LONGEST_S, STEP, Normal, normal, pieces
from ddspfx.fit.judge import play
from ddspfx.fit.latents import Latents
from ddspfx.fit.level import DEEPEST_DB, LOUDEST_DB
from ddspfx.fit.refine import LARGEST_STEP as LARGEST_MOVE
from ddspfx.fit.takes import Take, delay_path, line_of
from ddspfx.fit.whitening import Whitening
from ddspfx.listing import get, put

DAMPING, GROWTH, SHRINKAGE = 1e-3, 8.0, 5.0
"""Of the diagonal at first, and by how much it grows after a step that fails and falls after one that does not."""
TRIALS = 6
"""Steps tried a round."""
FARTHEST = 0.2
"""Share of its range that a slot may move in a round: beyond it nothing is linear."""
ENOUGH = 1e-3
"""Relative fall of the error below which there is nothing left to gain."""


class Fitted(NamedTuple):
    """The model and latents where the error is least, and the whitened error before and after each round."""

    model: Any
    latents: Latents
    errors: list[float]


class _Place(NamedTuple):
    """One recording's part, its equations and what they were made with."""

    row: int
    part: tuple[int, int]
    normal: Normal
    white: Whitening


def least_squares(
    model: AbstractBlock,
    latents: Latents,
    takes: Sequence[Take],
    parts: Sequence[tuple[int, int]],
    *,
    rounds: int = 8,
    freeze: Sequence[str] = (),
    timed: bool = True,
    seconds: float = LONGEST_S,
    solve: Sequence[str] = (),
    renewed: Callable[[Any, Latents], Any] | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> Fitted:
    """The model with every number in its slots moved to where the waveform's whitened error is least.

    (JᵀJ + λ diag JᵀJ) δ = Jᵀr in shares of the slots' ranges, held within them; J by differences through the quiet
    model, residual and slopes whitened by the residual's spectrum and level, anew each round. The knots of each
    recording's own delay and level are eliminated from the equations and move by what the step leaves them, unless
    `timed` is off. For models of few numbers that act on each other, which gradient descent alone takes long to tell
    apart. The taps of FIR blocks named in `solve` move with the slots in the same way, and `renewed` gives the model
    after each round what is solved in closed form; `freeze` names slots that stay.
    Source: Marquardt (1963), "An algorithm for least-squares estimation of nonlinear parameters"; Golub and Pereyra
    (1973) for the elimination.
    """
    damping, errors, freeze = DAMPING, [], [*freeze, *latents]
    played = {one.name for one in coordinates(quiet(model), freeze)}
    steps = np.full(len(played), STEP)
    rows = pieces(takes, parts, seconds)
    for number in range(rounds):
        where = [one for one in coordinates(model, freeze) if one.name in played]
        places = [
            _Place(r, p, *normal(model, latents, takes[r], r, p, where, steps, False, timed, solve)) for r, p in rows
        ]
        before = sum(place.normal.energy for place in places)
        after = before
        for _ in range(TRIALS):
            step = _step(places, where, damping)
            trial = _taps_moved(moved(model, where, step), places, step), _latents_moved(model, latents, places, step)
            after = sum(_energy(*trial, takes[p.row], p) for p in places)
            if after < before:
                break
            damping *= GROWTH
        if not after < before:
            break
        model, latents = trial
        damping = max(damping / SHRINKAGE, 1e-9)
        model = model if renewed is None else renewed(model, latents)
        errors.append(after / before)
        say(f"least squares {number + 1}: error {10 * np.log10(max(after / before, 1e-20)):+.1f} dB")
        if after > (1 - ENOUGH) * before:
            break
    return Fitted(model, latents, errors)


def _step(places: Sequence[_Place], where: Sequence[Coordinate], damping: float) -> Any:
    """The damped step, what would leave its range or pushes against its end held there."""
    matrix = np.sum([place.normal.matrix for place in places], axis=0)
    pull = np.sum([place.normal.pull for place in places], axis=0)
    shares = np.array([one.share for one in where])
    diagonal = np.diag(matrix)
    free = diagonal > 1e-12 * np.max(diagonal)
    step = np.zeros(len(where))
    for _ in range(4):
        if not free.any():
            break
        scale = np.sqrt(diagonal[free])
        inner = matrix[np.ix_(free, free)] / np.outer(scale, scale) + damping * np.eye(int(free.sum()))
        step = np.zeros(len(where))
        step[free] = np.linalg.solve(inner, pull[free] / scale) / scale
        out = free & (((shares <= 0) & (step < 0)) | ((shares >= 1) & (step > 0)))
        if not out.any():
            break
        free &= ~out
    return np.clip(np.clip(step, -FARTHEST, FARTHEST), -shares, 1 - shares)


def _taps_moved(model: Any, places: Sequence[_Place], step: Any) -> Any:
    """The taps by what the equations leave for them, the mean over recordings, each of which would have its own."""
    moves: dict[str, list[Any]] = {}
    for freed in (one for place in places for one in place.normal.freed if one.path.endswith(".taps")):
        moves.setdefault(freed.path, []).append(freed.solve(freed.pull - freed.ties @ step))
    for path, found in moves.items():
        taps = get(model, path)
        model = put(model, path, taps + jnp.asarray(np.mean(found, axis=0), taps.dtype))
    return model


def _latents_moved(model: Any, latents: Latents, places: Sequence[_Place], step: Any) -> Latents:
    """Each freed latent by what the equations leave for it once the slots have moved."""
    for place in places:
        for freed in (one for one in place.normal.freed if one.path in latents):
            node = latents[freed.path]
            knots = np.array(node.knots, np.float64)
            moves = freed.solve(freed.pull - freed.ties @ step)
            knots[place.row] += freed.unit * np.clip(moves, -LARGEST_MOVE, LARGEST_MOVE)
            knots[place.row] = np.clip(knots[place.row], *_limits(model, freed.path, node, place.row))
            held = eqx.tree_at(lambda t: t.knots, node, jnp.asarray(knots, node.knots.dtype))
            latents = {**latents, freed.path: held}
    return latents


def _limits(model: Any, path: str, node: Any, row: int) -> tuple[float, float]:
    """Between which the knots of a recording may lie."""
    if path != delay_path(model):
        return DEEPEST_DB, LOUDEST_DB
    line, base = line_of(model, path), float(np.asarray(node.base)[row]) / node.sample_rate
    return line.shortest - base, line.longest - base


def _energy(model: Any, latents: Latents, take: Take, place: _Place) -> float:
    """The whitened error of one recording's part, infinite where it is not finite."""
    y = play(model, latents, take, place.row, place.part)
    error = float(np.sum(place.white(take.wet[:, place.part[0] : place.part[1]] - y) ** 2))
    return error if np.isfinite(error) else float("inf")


__all__ = ["Fitted", "least_squares"]
