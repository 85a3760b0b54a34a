"""What the parts of a training step take, each run by itself."""

import time
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax

from ddspfx.fit.batch import Sequences
from ddspfx.fit.profile import opened
from ddspfx.fit.step import Learner, Steps

ROUNDS = 5
"""Times that each part of a step runs; the fastest counts."""


def profiled(steps: Steps, learner: Learner, sequences: Sequences) -> None:
    """Shares out the steps' time, where a profile is open: after the last step, so that nothing changes by it."""
    profile = opened()
    if profile is not None and steps.settings.passes:
        with profile.aside():
            found = parts(steps, learner, sequences)
        profile.share_out(found)


def parts(steps: Steps, learner: Learner, sequences: Sequences) -> dict[str, float]:
    """Seconds that the parts of one step take on its own shapes, each compiled apart, the best of five.

    `backward` is what the gradient takes beyond the forward pass. Together they may differ from the step, in
    which XLA fuses them.
    """
    learner, states, batch, offsets, rate = steps.ready(learner, learner.model, sequences, 0.0)
    both, offset = (learner.model, learner.latents), offsets[0]
    states = steps.settle(learner, states, batch)
    slope = eqx.filter_jit(steps.slope)(both, states, batch, offset)[1]
    forward = _fastest(eqx.filter_jit(steps.cost), both, states, batch, offset)
    gradient = _fastest(eqx.filter_jit(steps.slope), both, states, batch, offset)
    optimiser = _fastest(eqx.filter_jit(steps.moved), learner, slope, rate)
    return {"forward": forward, "backward": max(gradient - forward, 0.0), "optimiser": optimiser}


def _fastest(run: Callable[..., Any], *given: Any) -> float:
    took = []
    for _ in range(ROUNDS + 1):
        began = time.perf_counter()
        jax.block_until_ready(eqx.filter(run(*given), eqx.is_array))
        took.append(time.perf_counter() - began)
    return min(took[1:])
