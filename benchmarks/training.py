"""Seconds of an epoch: GRU-64 and a variable delay fitted by truncated backpropagation, beside PyTorch.

python -m benchmarks.training [--budget 30]. Eight recordings of 10 s at 44.1 kHz, segments of 2048 samples, error to
signal ratio, Adam on clipped gradients; network and knots of the delay's spline are trained together. A round is ten
segments, ours through the fit's own `Steps.run`: cutting the recordings out, silent states, ten steps. Rounds are
taken in turns on one core, and multiplied to an epoch of 215 segments.
"""

import argparse
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks.bench.pinning import pin

if __name__ == "__main__":
    CORE = pin()

import equinox as eqx
import jax

import ddspfx
from benchmarks.bench.case import Bench, Case, Row
from benchmarks.bench.timing import interleaved, ratios, spread
from ddspfx.fit.batch import Material, Sequences
from ddspfx.fit.latents import stack
from ddspfx.fit.settings import Settings
from ddspfx.fit.step import LATENT_RATE, Steps, default_optimiser
from ddspfx.losses.combine import combine
from ddspfx.signal.spline import basis, held

RATE, SECONDS, TAKES, HIDDEN, SEGMENT = 44_100, 10, 8, 64, 2048
CHUNKS = 10
AN_EPOCH = SECONDS * RATE / (SEGMENT * CHUNKS)
LONGEST, KNOT_RATE = 0.01, 200
ASKED, ERROR, SLOPE = 1.3, 1e-5, 1e-4
WANDER, CALM = 44.0, 0.4
"""Samples: while time is taken, and while slopes are compared."""
PATH = "transport.delay"
SETTINGS = Settings(
    sequences=TAKES,
    segment=SEGMENT,
    chunks=CHUNKS,
    warm_up=0,
    freeze=["network.level*"],
    devices=1,
)


def recordings() -> tuple[np.ndarray, np.ndarray]:
    """Dry and wet, (takes, 1, samples): noise and what a bent, late device might make of it."""
    random = np.random.default_rng(0)
    dry = 0.126 * random.normal(size=(TAKES, 1, SECONDS * RATE)).astype(np.float32)
    return dry, np.roll(np.tanh(2 * dry), 150, axis=2)


def delays(wander: float) -> list[ddspfx.Trajectory]:
    """A delay of each recording that wanders by so many samples about 132.5.

    Below half a sample none lies on a whole one, where the slope of a linear read jumps and rounding decides.
    """
    place = np.arange(SECONDS * KNOT_RATE + 3) / KNOT_RATE
    turns = [2 * np.pi * (0.7 + 0.1 * take) * place for take in range(TAKES)]
    return [ddspfx.Trajectory(0, (132.5 + wander * np.sin(turn)) / RATE, RATE, KNOT_RATE) for turn in turns]


def model() -> Any:
    network = ddspfx.GRU(HIDDEN, sample_rate=RATE, key=jax.random.key(0))
    return ddspfx.Serial(network=network, transport=ddspfx.VariableDelay(0.0, LONGEST, interpolation="linear"))


class Ours:
    """The fit's own loop."""

    def __init__(self) -> None:
        made, latents = model(), {PATH: stack(delays(WANDER))}
        dry, wet = recordings()
        late = round(made.latency(RATE))
        material = Material(list(dry), list(np.roll(wet, late, axis=2)), {}, 0, RATE)
        self.steps = Steps(made, latents, material, SETTINGS, combine(SETTINGS.loss, RATE), default_optimiser(SETTINGS))
        self.learner = self.steps.begin(made, latents)
        self.calm = self.steps.begin(made, {PATH: stack(delays(CALM))})
        self.sequences = Sequences(np.arange(TAKES, dtype=np.int32), np.zeros(TAKES, np.int32))

    def epoch_part(self) -> float:
        self.learner, loss = self.steps.run(self.learner, self.learner.model, self.sequences, 1e-3)
        return float(loss)

    def slopes(self) -> dict[str, np.ndarray]:
        """The loss of the second segment, after the first, and its slopes, in PyTorch's layout."""
        ready = self.steps.ready(self.calm, self.calm.model, self.sequences, 0.0)
        learner, states, batch, offsets, rate = ready
        learner, states, _ = self.steps.step(learner, states, batch, offsets[0], rate)
        both = (learner.model, learner.latents)
        (loss, _), (slope, latents) = eqx.filter_jit(self.steps.slope)(both, states, batch, offsets[1])
        network = slope.network
        return {
            "loss": np.asarray(loss),
            "weight_ih": np.asarray(network.input).T,
            "weight_hh": np.asarray(network.recurrent).T,
            "output": np.asarray(network.output)[None],
            "knots": np.asarray(latents[PATH].knots),
        }


class Torch:
    """The same in PyTorch as a researcher would write it: nn.GRU, a gather, Adam; states detached at each segment."""

    def __init__(self) -> None:
        import torch

        self.torch = torch
        torch.set_num_threads(1)
        made = model()
        network, late = made.network, round(made.latency(RATE))
        dry, wet = (torch.as_tensor(part[:, 0]) for part in recordings())
        self.dry, self.wet, self.late = dry, torch.roll(wet, late, 1), late
        self.gain = float(10 ** (np.asarray(network.level.value) / 20))
        self.gru = torch.nn.GRU(1, HIDDEN, batch_first=True)
        self.output = torch.nn.Linear(HIDDEN, 1)
        bias = np.asarray(network.bias)
        given = {
            "weight_ih_l0": np.asarray(network.input).T,
            "weight_hh_l0": np.asarray(network.recurrent).T,
            "bias_ih_l0": bias[: 3 * HIDDEN],
            "bias_hh_l0": np.pad(bias[3 * HIDDEN :], (2 * HIDDEN, 0)),
        }
        with torch.no_grad():
            for name, value in given.items():
                getattr(self.gru, name).copy_(torch.as_tensor(np.array(value)))
            self.output.weight.copy_(torch.as_tensor(np.array(network.output)[None]))
            self.output.bias.zero_()
        self.knots = torch.nn.Parameter(self._wandering(WANDER))
        self.memory = int(LONGEST * RATE) + 4
        self.splines = [self._spline(chunk) for chunk in range(CHUNKS)]
        weights = [*self.gru.parameters(), *self.output.parameters()]
        groups = [{"params": weights, "lr": 1e-3}, {"params": [self.knots], "lr": 1e-3 * LATENT_RATE}]
        self.all = [*weights, self.knots]
        self.adam = torch.optim.Adam(groups, fused=True)
        self.slot = torch.arange(SEGMENT) + self.memory

    def _wandering(self, wander: float) -> Any:
        return self.torch.as_tensor(np.stack([np.asarray(delay.knots) for delay in delays(wander)]))

    def _spline(self, chunk: int) -> tuple[int, int, Any]:
        """The knots that a segment reads, first and last, and the matrix from them to its delay in samples."""
        place = (np.arange(SEGMENT) + chunk * SEGMENT - self.late) / RATE * KNOT_RATE
        index, u = held(place, self.knots.shape[1])
        first, last = int(index.min()), int(index.max()) + 4
        matrix = np.zeros((last - first, SEGMENT), np.float32)
        for k, tap in enumerate(basis(u)):
            np.add.at(matrix, (index - first + k, np.arange(SEGMENT)), RATE * tap)
        return first, last, self.torch.as_tensor(matrix)

    def loss(self, chunk: int, state: Any, line: Any) -> tuple[Any, Any, Any]:
        """Of one segment, with the network's state and the delay line after it."""
        torch, part = self.torch, slice(chunk * SEGMENT, (chunk + 1) * SEGMENT)
        x, wet = self.dry[:, part], self.wet[:, part]
        h, state = self.gru(self.gain * x[..., None], state)
        line = torch.cat([line, x + self.output(h)[..., 0] / self.gain], 1)
        first, last, matrix = self.splines[chunk]
        place = self.slot - self.late - self.knots[:, first:last] @ matrix
        whole = place.floor()
        fraction, index = place - whole, whole.long()
        y = line.gather(1, index) * (1 - fraction) + line.gather(1, index + 1) * fraction
        loss = ((y - wet) ** 2).mean() / (wet**2).mean().clamp_min(1e-10)
        return loss, state.detach(), line[:, -self.memory :].detach()

    def silence(self) -> tuple[Any, Any]:
        return self.torch.zeros(1, TAKES, HIDDEN), self.torch.zeros(TAKES, self.memory)

    def epoch_part(self) -> float:
        state, line, total = *self.silence(), 0.0
        for chunk in range(CHUNKS):
            loss, state, line = self.loss(chunk, state, line)
            self.adam.zero_grad()
            loss.backward()
            self.torch.nn.utils.clip_grad_norm_(self.all, SETTINGS.clip)
            self.adam.step()
            total += float(loss.detach())
        return total / CHUNKS

    def slopes(self) -> dict[str, np.ndarray]:
        """As of `Ours`, with the calm delay."""
        moving, self.knots.data = self.knots.data, self._wandering(CALM)
        loss, state, line = self.loss(0, *self.silence())
        loss, _, _ = self.loss(1, state, line)
        names = {
            "weight_ih": self.gru.weight_ih_l0,
            "weight_hh": self.gru.weight_hh_l0,
            "output": self.output.weight,
            "knots": self.knots,
        }
        slopes = self.torch.autograd.grad(loss, list(names.values()))
        self.knots.data = moving
        return {"loss": loss.detach().numpy(), **{k: g.numpy() for k, g in zip(names, slopes, strict=True)}}


class Training(Case):
    """A row of the table: an epoch, and whether both compute the same loss and slopes."""

    name = "training, GRU 64 and delay, an epoch"

    def rows(self, bench: Bench) -> Iterator[Row]:
        yield measured(bench.budget)


def measured(budget: float) -> Row:
    """Correctness first, then rounds in turns; seconds are those of an epoch."""
    ours = Ours()
    mine = ours.slopes()
    row: Row = {
        "kernel": Training.name,
        "samples": SECONDS * RATE,
        "batch": TAKES,
        "width": HIDDEN,
        "forward": None,
        "forward_asked": None,
        "backward": None,
        "backward_asked": ASKED,
        "error_asked": ERROR,
        "slope_error_asked": SLOPE,
        "note": "seconds of an epoch, optimiser and cutting out included; the error is against PyTorch",
    }
    try:
        theirs = Torch()
    except ImportError as missing:
        gaps = {"torch": f"not installed ({missing}): pip install -e .[bench]"}
        return {**row, "peer": "none", "error": None, "correct": True, "wrong": [], "gaps": gaps}
    errors = {name: _distance(mine[name], value) for name, value in theirs.slopes().items()}
    error = errors.pop("loss")
    worst = max(errors, key=lambda name: errors[name])
    wrong = [name for name, bad in (("loss", error > ERROR), (f"slope of {worst}", errors[worst] > SLOPE)) if bad]
    works: dict[str, Callable[[], object]] = {"ddspfx": ours.epoch_part, "torch": theirs.epoch_part}
    times = {name: [AN_EPOCH * t for t in took] for name, took in interleaved(works, budget).items()}
    ratio = ratios(times, "torch", "ddspfx")
    return {
        **row,
        "peer": "torch",
        "backward": ratio.median,
        "backward_spread": [ratio.low, ratio.high],
        "backward_peer": "torch",
        "backward_seconds": {name: spread(took)._asdict() for name, took in times.items()},
        "error": error,
        "slope_error": errors[worst],
        "slope_of": worst,
        "correct": not wrong,
        "wrong": wrong,
        "gaps": {},
    }


def _distance(mine: np.ndarray, theirs: np.ndarray) -> float:
    """Largest difference as a share of the largest value."""
    return float(np.max(np.abs(mine - theirs)) / np.max(np.abs(theirs)))


def main() -> int:
    """Prints the row; 1 when losses or slopes differ."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__)
    parser.add_argument("--budget", type=float, default=30.0, metavar="SECONDS", help="for the rounds: 30")
    row = measured(parser.parse_args().budget)
    for name, took in row.get("backward_seconds", {}).items():
        print(f"{name:<8}{took['median']:7.2f} s an epoch ({took['low']:.2f} to {took['high']:.2f})")
    print(f"ratio {row['backward'] or float('nan'):.2f}, asked {ASKED}; loss differs by {row['error']}, ", end="")
    print(f"slope by {row.get('slope_error')} ({row.get('slope_of')})")
    return int(not row["correct"])


if __name__ == "__main__":
    raise SystemExit(main())
