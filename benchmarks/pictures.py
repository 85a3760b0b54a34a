"""The picture in the README: `python -m benchmarks.pictures RUN` draws `docs/readme.png` from a run folder.

Four pictures of the report side by side and one above the other: the excerpt against the model, the tracked delay,
the level curve with its harmonics, and the frequency response.
"""

import io
import sys
from pathlib import Path

import numpy as np
from matplotlib.image import imread, imsave

from ddspfx.fit.run import Run
from ddspfx.report import measure, pictures
from ddspfx.report.excerpts import read_excerpts
from ddspfx.report.figure import Draw, png

OUT = Path(__file__).parents[1] / "docs/readme.png"
WIDTH, HEIGHT = 1_320, 300


def drawn(draw: Draw, width: int, height: int = HEIGHT) -> np.ndarray:
    """A picture as pixels."""
    return imread(io.BytesIO(png(draw, width, height, 1.5)))[..., :3]


def main(folder: Path) -> None:
    """Draws the picture of one run."""
    run, heard = Run.load(folder), read_excerpts(folder)
    if heard is None:
        raise SystemExit(f"{folder} has no excerpts: make it with `ddspfx demo`")
    rate, third = run.sample_rate, WIDTH // 3
    rows = next(iter(run.latents.values()))
    below = [
        pictures.trajectory(rows[0], run.recordings[0]),
        pictures.transfer_curve(measure.transfer(run.model, rate)),
        pictures.responses(measure.small_signal(run.model, rate), {}),
    ]
    upper = drawn(pictures.waveforms(heard), WIDTH)
    lower = np.concatenate([drawn(draw, third) for draw in below], axis=1)
    width = min(upper.shape[1], lower.shape[1])
    imsave(OUT, np.concatenate([upper[:, :width], lower[:, :width]]))
    print(f"wrote {OUT}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "demo"))
