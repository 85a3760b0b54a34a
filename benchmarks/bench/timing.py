"""Times of several ways to do the same, taken in turns so that the machine's moods hit all of them alike."""

import gc
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

ROUNDS = 7
MOST_ROUNDS = 31
SHORTEST = 2e-3
"""Seconds a measurement takes at least: shorter work is repeated within it."""

SLOW = 1.0
"""Seconds from which on one run warms up enough to say how many will do."""

Work = Callable[[], object]


class Spread(NamedTuple):
    """Median and quartiles."""

    median: float
    low: float
    high: float


def spread(values: list[float]) -> Spread:
    low, median, high = np.percentile(values, [25, 50, 75])
    return Spread(float(median), float(low), float(high))


def seconds(work: Work, repeats: int = 1) -> float:
    """How long one run takes, the mean of some in a row."""
    start = time.perf_counter()
    for _ in range(repeats):
        work()
    return (time.perf_counter() - start) / repeats


def interleaved(works: Mapping[str, Work], budget: float = 6.0) -> dict[str, list[float]]:
    """Seconds of each work in each round, after one to warm up: at least seven rounds, more within the budget."""
    once = {name: seconds(work) for name, work in works.items()}
    once = {name: spent if spent > SLOW else seconds(works[name]) for name, spent in once.items()}
    repeats = {name: max(1, int(SHORTEST / max(spent, 1e-9))) for name, spent in once.items()}
    a_round = sum(max(SHORTEST, spent) for spent in once.values())
    rounds = int(np.clip(budget / a_round, ROUNDS, MOST_ROUNDS))
    times: dict[str, list[float]] = {name: [] for name in works}
    gc.collect()
    gc.disable()
    try:
        for number in range(rounds):
            names = list(works) if number % 2 == 0 else list(works)[::-1]
            for name in names:
                times[name].append(seconds(works[name], repeats[name]))
    finally:
        gc.enable()
    return times


def ratios(times: Mapping[str, list[float]], over: str, under: str) -> Spread:
    """How many times longer `over` takes than `under`, round by round."""
    return spread([a / b for a, b in zip(times[over], times[under], strict=True)])
