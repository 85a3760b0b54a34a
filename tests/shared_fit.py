"""A small fit and its first gradient, on whatever devices there are: `shared_fit.py SAID OUT [PROCESS PORT]`.

Writes loss, gradient and the numbers of a fit, in float64, into SAID as JSON; the fit's own files go into OUT.
"""

import json
import re
import sys
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import ddspfx
from ddspfx.alignment.align import Alignment
from ddspfx.fit.batch import Material, draw
from ddspfx.fit.latents import stack
from ddspfx.fit.settings import Settings
from ddspfx.fit.step import Steps, default_optimiser
from ddspfx.fit.takes import Take
from ddspfx.losses.combine import combine

RATE = 44_100
COUNT = RATE // 2
SETTINGS = Settings(
    passes=4,
    sequences=5,
    segment=512,
    chunks=2,
    warm_up=256,
    validate_every=2,
    refine_every=2,
    solve=["replay"],
    learning_rate=0.02,
    loss={"esr": 1.0, "mr_stft": 0.1},
)
"""Five sequences: with two devices one is filled up. The level is solved and the losses are ratios over the batch."""


def toy() -> tuple[ddspfx.Serial, list[Take], ddspfx.Trajectory]:
    """A curve with memory behind a delay that moves, heard twice at different levels."""
    random = np.random.default_rng(0)
    x = (0.3 * random.normal(size=(1, COUNT)) * (0.3 + np.sin(np.arange(COUNT) / 2_000) ** 2)).astype(np.float32)
    wet = np.tanh(3 * x) / 3
    still = Alignment(0.0, 0.0, 1, 1.0, 1.0, False, (0.0,), 1.0, (), RATE, COUNT)
    takes = [Take(f"take {g}", g * x, (g * wet).astype(np.float32), RATE, still, (0, COUNT)) for g in (1.0, 0.3)]
    times = np.arange(0, 0.5, 0.005)
    path = ddspfx.Trajectory.fit(times, 1e-5 * np.sin(12 * times), 0.5, RATE)
    model = ddspfx.Serial(
        tape=ddspfx.Tanh(6.0),
        glue=ddspfx.Compressor(-20.0, ratio=3.0),
        transport=ddspfx.VariableDelay(-0.001, 0.001, 0.0),
        replay=ddspfx.FIR([0.0, 1.0, 0.0], 1),
    )
    return model, takes, path


def slope(devices: int | None) -> dict[str, object]:
    """Loss and slope of the first segment, the slope as one list a leaf, and the sums inside loops."""
    model, takes, path = toy()
    latents = {"transport.delay": stack([path, path])}
    settings = SETTINGS.with_changes(devices=devices, loss={"esr": 1.0})
    material = Material.of(takes, model.latency(RATE), 256, 1024 + 4, {})
    steps = Steps(model, latents, material, settings, combine(settings.loss, RATE), default_optimiser(settings))
    sequences = jax.tree.map(
        lambda column: np.resize(column, steps.rows), draw([(0, COUNT)] * 2, settings.with_changes(chunks=2), 0)
    )
    batch = steps.devices.split(material.batch(sequences, 1024))
    states = steps.devices.split(steps.states(model, 1))
    learner = steps.devices.whole(steps.begin(model, latents))
    found = eqx.filter_jit(steps.slope)
    arguments = ((learner.model, learner.latents), states, batch, steps.devices.whole(jnp.int32(512)))
    (loss, _), grown = found(*arguments)
    loss, grown = steps.devices.here((loss, grown))
    text = found.lower(*arguments).compile().compiled.as_text()
    leaves = [np.asarray(leaf, float).ravel().tolist() for leaf in jax.tree.leaves(grown)]
    return {"loss": float(loss), "slope": leaves, "sums": sums(text)}


def sums(text: str) -> dict[str, int]:
    """All-reduces of a compiled program: in its entry, and in its loops and whatever else it calls."""
    count = {"entry": 0, "inside": 0}
    for part in re.split(r"\n(?=\S)", text):
        place = "entry" if part.startswith("ENTRY") else "inside"
        count[place] += len(re.findall(r" all-reduce(?:-start)?\(", part))
    return count


def fitted(out: Path, devices: int | None) -> dict[str, object]:
    """Figures and numbers of a short fit."""
    model, takes, path = toy()
    settings = SETTINGS.with_changes(devices=devices)
    run = ddspfx.fit(model, takes, latents={"transport.delay": path}, out=out, settings=settings)
    numbers = [
        np.asarray(leaf, float).ravel().tolist() for leaf in jax.tree.leaves(eqx.filter(run.model, eqx.is_array))
    ]
    return {"figures": run.figures, "numbers": numbers, "losses": [row["loss"] for row in run.history[1:]]}


def main(said: str, out: str, process: str | None = None, port: str = "") -> None:
    """One device and all of them; with PROCESS, this one of two on the loopback."""
    if process is not None:
        jax.distributed.initialize(f"127.0.0.1:{port}", 2, int(process))
    ways: dict[str, int | None] = {"all": None} if process is not None else {"one": 1, "all": None}
    with jax.enable_x64(True):
        told = {way: {**slope(count), **fitted(Path(out) / way, count)} for way, count in ways.items()}
    Path(said).write_text(json.dumps({"devices": jax.device_count(), **told}))


if __name__ == "__main__":
    main(*sys.argv[1:])
