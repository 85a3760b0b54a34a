"""Generated transports and hiss beside simulated and real ones: `python -m benchmarks.generators [--quick]`.

Resumable cell by cell: rows lie in `results/generators.json`, data and fitted models in the temporary folder.
Simulated: `ddspfx.data.devices`, a machine of the 1960s; generators are fitted to seeds below 10,000 and judged, in
2,000 windows each, against seeds from 1,000,000 on. `--only WORD` does the cells whose name holds the word.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.classifiers import features, logistic, network
from benchmarks.generators_measures import autocorrelation, increments, octaves, wasserstein
from benchmarks.generators_real import CELLS as REAL
from benchmarks.table import RESULTS, markdown, write_table
from ddspfx.data.devices.hiss import hiss
from ddspfx.data.devices.transport import transport
from ddspfx.generators.diffusion import Diffusion
from ddspfx.generators.flow import Flow
from ddspfx.generators.parametric import Parametric
from ddspfx.generators.unet import parameters
from ddspfx.storage import load, save

ROWS = RESULTS / "generators.json"
TEST, AGAIN, WRONG = 1_000_000, 2_000_000, 3_000_000
"""First seeds of the windows that judge, of the same once more, and of a machine whose lines lie a tone higher."""
TONE = 2 ** (2 / 12)


class Size(NamedTuple):
    """How much: windows judged, values of a window of hiss, takes fitted to, and the network's updates."""

    windows: int
    hiss: int
    takes: int
    hiss_takes: int
    updates: int
    hiss_updates: int


FULL, QUICK = Size(2000, 65_536, 1200, 1600, 6000, 300), Size(200, 8192, 200, 100, 150, 20)


def _single(seed: int, samples: int) -> np.ndarray:
    return hiss(samples, 44_100, seed).astype(np.float32)


class Data:
    """Windows of the simulator and models fitted to it, kept in the temporary folder."""

    def __init__(self, size: Size):
        self.size = size
        self.folder = Path(tempfile.gettempdir()) / f"ddspfx-generators-{size.windows}"
        self.folder.mkdir(exist_ok=True)

    def kept(self, name: str, make: Callable[[], np.ndarray]) -> np.ndarray:
        path = self.folder / f"{name}.npy"
        if not path.is_file():
            np.save(path, make())
        return np.asarray(np.load(path, mmap_mode="r"))

    def windows(self, kind: str, first: int) -> np.ndarray:
        count = self.size.windows
        if kind == "hiss":
            made = lambda: np.stack([_single(first + i, self.size.hiss) for i in range(count)])  # noqa: E731
        else:
            wrong = {"capstan": 0.0078 / TONE} if first == WRONG else {}
            made = lambda: np.stack([transport(5.12, 100, first + i, **wrong) for i in range(count)])  # noqa: E731
        return self.kept(f"{kind}-{first}", made)

    def seen(self, kind: str) -> np.ndarray:
        """What the logistic classifier sees of the windows that judge."""
        return self.kept(f"{kind}-seen", lambda: features(self.windows(kind, TEST)))

    def fitted_to(self, kind: str) -> np.ndarray:
        if kind == "hiss":
            count = self.size.hiss_takes
            return self.kept("hiss-takes", lambda: np.stack([_single(i, self.size.hiss) for i in range(count)]))
        return self.kept("takes", lambda: np.stack([transport(20.48, 100, i) for i in range(self.size.takes)]))

    def model(self, kind: str, name: str) -> Any:
        folder = self.folder / f"{kind}-{name}"
        if not (folder / "model.json").is_file():
            began = time.perf_counter()
            save(self._fit(kind, name), folder)
            (folder / "seconds.txt").write_text(f"{time.perf_counter() - began:.0f}")
        return load(folder)

    def _fit(self, kind: str, name: str) -> Any:
        takes, s = self.fitted_to(kind), self.size
        long = kind == "hiss"
        rate, length = (44_100.0, s.hiss) if long else (100.0, 512)
        if name == "parametric":
            return Parametric.fit(takes, rate, length)
        if name == "flow":
            return Flow.fit(takes, rate, length)
        told = lambda update, loss: print(f"{kind} {name}: update {update}, loss {loss:.4f}", flush=True)  # noqa: E731
        if long:
            shape: Any = {
                "widths": (8, 12, 16, 24, 36, 64),
                "patch": 16,
                "updates": s.hiss_updates,
                "batch": 8,
                "steps": 4,
            }
        else:
            shape = {"widths": (16, 16, 24, 24, 36), "patch": 4, "updates": s.updates, "batch": 64, "steps": 8}
        return Diffusion.fit(takes, rate, length, **shape, told=told)


def made(data: Data, kind: str, name: str) -> np.ndarray:
    """The windows of one cell."""
    real = data.windows(kind, TEST)
    if name == "simulator again":
        return data.windows(kind, AGAIN)
    if name == "white":
        return np.random.default_rng(1).standard_normal(real.shape).astype(np.float32) * real.std()
    if name == "wrong line":
        if kind == "transport":
            return data.windows(kind, WRONG)
        phase = np.random.default_rng(2).uniform(0, 2 * np.pi, (len(real), 1)).astype(np.float32)
        turn = np.arange(real.shape[1], dtype=np.float32) * np.float32(2 * np.pi * 1000 / 44_100)
        line = np.float32(np.sqrt(0.2) * real.std())
        return np.stack([w + line * np.sin(turn + p) for w, p in zip(data.windows(kind, AGAIN), phase, strict=True)])
    model = data.model(kind, name.removesuffix(" untrained"))
    if name.endswith("untrained"):
        return untrained(model).sample(7, len(real)).astype(np.float32)
    return np.concatenate([model.sample((7, part), 100).astype(np.float32) for part in range(len(real) // 100)])


def untrained(model: Any) -> Any:
    """The diffusion without its network: a Gaussian process of the same covariance."""
    import equinox as eqx
    import jax

    none = jax.tree.map(lambda leaf: 0 * leaf if eqx.is_inexact_array(leaf) else leaf, model.denoiser.network)
    return eqx.tree_at(lambda m: (m.denoiser.network, m.gains), model, (none, 1 + 0 * model.gains))


def row(data: Data, kind: str, name: str) -> dict[str, Any]:
    """All measures of one cell."""
    real, began = data.windows(kind, TEST), time.perf_counter()
    drawn = made(data, kind, name)
    took = time.perf_counter() - began
    worst, bands = octaves(real, drawn, 44_100 if kind == "hiss" else 100)
    first = logistic(data.seen(kind), features(drawn))
    second = network(real, drawn)
    control = name in ("wrong line", "white")
    passed = min(first.share, second.share) >= 0.9 if control else max(first.high, second.high) <= 0.58
    model = data.model(kind, "diffusion") if name == "diffusion" else None
    return {
        "data": kind,
        "made by": name,
        "numbers of the net": parameters(model.denoiser.network) if model else "",
        "worst third octave, dB (bands)": f"{worst:.2f} ({bands})",
        "W1 of values, % of deviation": 100 * wasserstein(real, drawn),
        "W1 of increments, %": 100 * wasserstein(increments(real), increments(drawn)),
        "worst autocorrelation": autocorrelation(real, drawn),
        "logistic, % right": str(first),
        "network, % right": str(second),
        "asked": ">= 90 both" if control else "1 dB; <= 58",
        "holds": bool(passed and (control or name == "simulator again" or worst <= 1.0)),
        "s to draw": round(took),
    }


NAMES = ("parametric", "flow", "diffusion", "wrong line", "white", "simulator again", "diffusion untrained")


def cells(data: Data) -> dict[str, Callable[[], dict[str, Any]]]:
    """Every cell by its name."""
    simulated = {
        f"{kind}: {name}": (lambda kind=kind, name=name: row(data, kind, name))
        for kind in ("transport", "hiss")
        for name in NAMES
        if (kind, name) != ("hiss", "diffusion untrained")
    }
    return simulated | {f"real: {name}": cell for name, cell in REAL.items()}


ABOUT = """A machine's transport (5.12 s at 100 Hz) and hiss (65,536 samples at 44.1 kHz): 2,000 windows of each
generator against 2,000 of the simulator, from seeds that no generator was fitted to.

What is new beside the paper's diffusion: data whose spectrum spans 80 dB have no one deviation for EDM to precondition
by. Here each direction of their covariance has its own, so that a network that answers zero draws Gaussian data of the
right spectrum in any number of steps (8 for transport, 4 for hiss), and the network learns only what is not Gaussian:
that a line's modulus holds still. `diffusion untrained` is that linear part alone; the difference is the network's.

Third octaves: the largest difference of mean power over all bands of two or more Fourier bins whose mean the data
determine within .25 dB (one standard error). W1: Wasserstein-1 over the data's standard deviation. Autocorrelation:
largest difference at any lag below 128 and 256. `simulator again`, other seeds of the simulator itself, is the floor of
all figures. The wrong line: both of the transport's machine a tone higher; one of 1 kHz, 10 dB below the hiss, where
the device has none. Accuracies: per cent told right, with the 95 % interval of five folds; `classifiers.py` says what
they see. Seconds to draw all windows were taken beside ten other jobs on two cores, and hold the fit where it was not
kept."""

REAL_ABOUT = """Real data, no pass mark. Transport: the pilot's delays of three clips (5 s each, 100 Hz), fitted on two,
judged on the third, in turn; `inside` is the share of third octaves of the unseen clip within the central 95 % of 400
generated takes. Hiss of the tape: between the pilot's pulses, above 2 kHz, 256 samples each, even gaps fitted, odd ones
judged. Hiss of a record: `vinyl_hiss`, left, windows of 4,096, the first half fitted, the second judged."""


def table(rows: dict[str, dict[str, Any]], command: str) -> None:
    simulated = [r for name, r in rows.items() if not name.startswith("real")]
    real = [r for name, r in rows.items() if name.startswith("real")]
    about = ABOUT + (f"\n\n{REAL_ABOUT}\n\n{markdown(real)}\n\nSimulated:" if real else "")
    if simulated:
        write_table("generators", about, simulated, command)


def main(quick: bool, only: str) -> None:
    """Does what is not done yet."""
    data = Data(QUICK if quick else FULL)
    store = data.folder / "rows.json" if quick else ROWS
    rows: dict[str, Any] = json.loads(store.read_text()) if store.is_file() else {}
    every = cells(data)
    for name, cell in every.items():
        if name in rows or only not in name:
            continue
        rows[name] = cell()
        print(rows[name], flush=True)
        now = json.loads(store.read_text()) if store.is_file() else {}
        now[name] = rows[name]
        rows = {key: now[key] for key in every if key in now}
        store.write_text(json.dumps(rows, indent=1))
        if not quick:
            table(rows, "python -m benchmarks.generators")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    main(given.quick, given.only)
