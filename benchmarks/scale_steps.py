"""The time of one training step on one device, on two, or as one of two processes; `benchmarks.scale` starts it.

`python -m benchmarks.scale_steps DEVICES [PROCESS PORT]` prints one JSON line: milliseconds a step by model.
"""

import json
import sys
import time
from typing import Any

import jax
import numpy as np

from ddspfx.alignment.align import Alignment
from ddspfx.fit.batch import Material, draw
from ddspfx.fit.settings import Settings
from ddspfx.fit.step import Steps, default_optimiser
from ddspfx.fit.takes import Take
from ddspfx.losses.combine import combine
from ddspfx.models.catalogue import RECIPES
from ddspfx.models.recipe import Setting

RATE = 44_100
SETTINGS = Settings(sequences=16, segment=2048, chunks=2, warm_up=2048)
MODELS = ("gru", "tape")
ROUNDS = 10


def take() -> Take:
    """A second of noise through a curve."""
    x = (0.2 * np.random.default_rng(0).normal(size=(1, RATE))).astype(np.float32)
    still = Alignment(0.0, 0.0, 1, 1.0, 1.0, False, (0.0,), 1.0, (), RATE, RATE)
    return Take("noise", x, np.tanh(3 * x) / 3, RATE, still, (0, RATE))


def milliseconds(name: str, devices: int, loss: str) -> float:
    """The shortest of several passes, by step: cutting, sending, settling and fetching included."""
    model = RECIPES[name].build(Setting(RATE, (-0.005, 0.005) if name == "tape" else None))
    settings = SETTINGS.with_changes(devices=devices)
    material = Material.of([take()], model.latency(RATE), settings.warm_up, 2 * 2048 + 64, {})
    steps = Steps(model, {}, material, settings, combine({loss: 1.0}, RATE), default_optimiser(settings))
    learner, times = steps.begin(model, {}), []
    for number in range(ROUNDS):
        began = time.perf_counter()
        learner, mean = steps.run(learner, model, draw([(0, RATE)], settings, number), 1e-4)
        jax.block_until_ready((learner, mean))
        times.append(time.perf_counter() - began)
    return 1e3 * min(times[1:]) / settings.chunks


def main(devices: str, process: str | None = None, port: str = "") -> None:
    """One line for each model and loss."""
    if process is not None:
        jax.distributed.initialize(f"127.0.0.1:{port}", 2, int(process))
    cases = [(name, "esr") for name in MODELS] + [("gru", "mr_stft")]
    found: dict[str, Any] = {f"{name}, {loss}": milliseconds(name, int(devices), loss) for name, loss in cases}
    if process in (None, "0"):
        print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
