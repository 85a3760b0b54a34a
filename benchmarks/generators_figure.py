"""Trajectories and hiss spectra, real against generated: `python -m benchmarks.generators_figure`.

Writes `results/generators.png` from the models that `python -m benchmarks.generators` fitted.
"""

from typing import Any

import numpy as np

from benchmarks.generators import FULL, TEST, Data
from benchmarks.table import RESULTS
from ddspfx.data.devices.hiss import hiss
from ddspfx.data.devices.transport import transport
from ddspfx.generators.noise import density

NAMES = ("simulator", "parametric", "flow", "diffusion")
SECONDS, TAKES = 20, 24


def delay(data: Data, name: str) -> np.ndarray:
    """An endless take's first seconds, in milliseconds."""
    if name == "simulator":
        return 1e3 * transport(SECONDS, 100, TEST)
    return 1e3 * np.asarray(data.model("transport", name).read(4, 0, 100 * SECONDS))


def spectrum(data: Data, name: str) -> np.ndarray:
    """Of hiss, in dB."""
    if name == "simulator":
        takes = np.stack([hiss(65_536, 44_100, TEST + number) for number in range(TAKES)])
    else:
        takes = data.model("hiss", name).sample(3, TAKES)
    return np.asarray(10 * np.log10(density(takes, 4096) / 22_050))


def main() -> None:
    """Draws both."""
    from matplotlib.figure import Figure

    data, figure = Data(FULL), Figure(figsize=(11, 6), layout="constrained")
    grid: Any = figure.add_gridspec(4, 2)
    right = figure.add_subplot(grid[:, 1])
    frequency = np.fft.rfftfreq(4096, 1 / 44_100)
    for place, name in enumerate(NAMES):
        left = figure.add_subplot(grid[place, 0])
        left.plot(np.arange(100 * SECONDS) / 100, delay(data, name), linewidth=0.7, color=f"C{place}")
        left.set(title=name, ylabel="delay, ms", ylim=(-0.4, 0.4))
        right.semilogx(frequency[1:], spectrum(data, name)[1:], linewidth=0.8, color=f"C{place}", label=name)
    left.set_xlabel("s")
    right.set(xlabel="Hz", ylabel="hiss, dBFS per Hz", xlim=(10, 22_050))
    right.legend()
    figure.savefig(RESULTS / "generators.png", dpi=110)
    print(f"wrote {RESULTS / 'generators.png'}")


if __name__ == "__main__":
    main()
