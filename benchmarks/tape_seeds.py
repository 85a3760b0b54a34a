"""Whether any run diverges: `python -m benchmarks.tape_seeds [--seeds 100] [--quick]` writes `results/tape_seeds.md`.

A GRU of 32 cells, a delay line and a linear response on the real machine's first clip, delay and network by gradient at
the default settings and learning rate, from so many seeds; ten run side by side in one compiled program. A run has
diverged when a loss or a number is not finite, or when the mean loss of its last five passes is above that of its
first. `fit` would start such a run again from its best at half the rate; here nothing helps it. In the paper 7 of 18
runs diverged.
"""

import argparse
import json
from typing import Any

import equinox as eqx
import jax
import numpy as np

from benchmarks.table import RESULTS, write_table
from benchmarks.tape_devices import PRE_ROLL, REACH, take
from ddspfx.blocks.chain import Serial
from ddspfx.blocks.delay import VariableDelay
from ddspfx.blocks.fir import FIR
from ddspfx.blocks.recurrent import GRU
from ddspfx.fit.batch import Material, draw
from ddspfx.fit.latents import stack
from ddspfx.fit.settings import Settings
from ddspfx.fit.step import Steps, default_optimiser
from ddspfx.fit.takes import centred, line_of
from ddspfx.losses.combine import combine

AT_ONCE, LAST = 10, 5
SETTINGS = Settings(passes=40, sequences=4, segment=1_024, chunks=4, warm_up=1_024)
ROWS = RESULTS / "tape_seeds.json"


def device(seed: int) -> Serial:
    """The model as one seed begins it."""
    network = GRU(32, sample_rate=44_100, key=jax.random.key(seed))
    line = VariableDelay(-REACH, REACH, 0.0, "lagrange7")
    return Serial(network=network, transport=line, replay=FIR(np.eye(1, 256, PRE_ROLL)[0], PRE_ROLL))


def runs(seeds: range) -> list[dict[str, Any]]:
    """The losses of several runs, side by side."""
    models = [device(seed) for seed in seeds]
    clip = centred(take("clip1"), line_of(models[0], "transport.delay"))
    latents = {"transport.delay": stack([clip.trajectory])}
    rate = clip.sample_rate
    late = models[0].latency(rate)
    reach = SETTINGS.segment * SETTINGS.chunks + int(np.ceil(late)) + 1
    material = Material.of([clip], late, SETTINGS.warm_up, reach, {})
    loss, optimiser = combine(SETTINGS.loss, rate), default_optimiser(SETTINGS)
    steps = Steps(models[0], latents, material, SETTINGS, loss, optimiser, len(models))
    rows = [steps.begin(model, latents) for model in models]
    learner = jax.tree.map(lambda *leaves: jax.numpy.stack(leaves) if eqx.is_array(leaves[0]) else leaves[0], *rows)
    losses = []
    for number in range(SETTINGS.passes):
        learner, found = steps.run(learner, models[0], draw([clip.inside], SETTINGS, number), SETTINGS.learning_rate)
        losses.append(np.asarray(found))
    arrays = [np.asarray(leaf) for leaf in jax.tree.leaves(eqx.filter(learner.model, eqx.is_inexact_array))]
    finite = [all(np.isfinite(leaf[place]).all() for leaf in arrays) for place in range(len(models))]
    table = np.stack(losses, axis=1)
    return [
        {"seed": seed, "first": float(row[0]), "last": float(row[-LAST:].mean()), "finite": bool(sure)}
        for seed, row, sure in zip(seeds, table, finite, strict=True)
    ]


def main(count: int, command: str) -> None:
    """All seeds, ten at a time, each ten written when they are there."""
    rows: list[dict[str, Any]] = json.loads(ROWS.read_text()) if ROWS.is_file() else []
    for first in range(len(rows), count, AT_ONCE):
        rows += runs(range(first, min(first + AT_ONCE, count)))
        ROWS.write_text(json.dumps(rows, indent=1))
        print(rows[-1], flush=True)
    last = np.array([row["last"] for row in rows])
    bad = [row for row in rows if not row["finite"] or not row["last"] <= row["first"]]
    told = {
        "runs": len(rows),
        "not finite": sum(not row["finite"] for row in rows),
        "worse than at the start": len(bad) - sum(not row["finite"] for row in rows),
        "asked": 0,
        "ESR of the batch after 40 passes: least": float(np.nanmin(last)),
        "median": float(np.nanmedian(last)),
        "greatest": float(np.nanmax(last)),
        "the paper": "7 of 18 diverged",
    }
    write_table("tape_seeds", __doc__, [told], command)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--quick", action="store_true", help="ten seeds")
    given = parser.parse_args()
    seeds = AT_ONCE if given.quick else given.seeds
    main(seeds, f"python -m benchmarks.tape_seeds --seeds {seeds}")
