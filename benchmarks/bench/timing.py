"""Times of several ways to do the same, taken in turns so that the machine's moods hit all of them alike.

Seconds are those that the process spent on its core, all its threads together. On one core of an idle machine that is
the wall clock's time; on a busy one the wall clock would also count what others did there meanwhile.
"""

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
Clock = Callable[[], float]


class Spread(NamedTuple):
    """Median and quartiles."""

    median: float
    low: float
    high: float


def spread(values: list[float]) -> Spread:
    low, median, high = np.percentile(values, [25, 50, 75])
    return Spread(float(median), float(low), float(high))


def seconds(work: Work, repeats: int = 1, clock: Clock = time.process_time) -> float:
    """How long one run takes, the mean of some in a row."""
    start = clock()
    for _ in range(repeats):
        work()
    return (clock() - start) / repeats


def interleaved(
    works: Mapping[str, Work], budget: float = 3.0, clock: Clock = time.process_time
) -> dict[str, list[float]]:
    """Seconds of each work in each round, after one to warm up: at least seven rounds, more within the budget."""
    once = {name: seconds(work, 1, clock) for name, work in works.items()}
    once = {name: spent if spent > SLOW else seconds(works[name], 1, clock) for name, spent in once.items()}
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
                times[name].append(seconds(works[name], repeats[name], clock))
    finally:
        gc.enable()
    return times


def ratios(times: Mapping[str, list[float]], over: str, under: str) -> Spread:
    """How many times longer `over` takes than `under`, round by round."""
    return spread([a / b for a, b in zip(times[over], times[under], strict=True)])
