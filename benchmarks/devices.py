"""`fit --model auto` on devices that are no tape machine: `python -m benchmarks.devices [--minutes 1]`.

Pairs of `../shared/data`: a tube preamplifier, a compressor, an overdrive at three settings, a diode clipper. The
first three quarters of each are fitted, the last quarter is unseen. Beside the error there stands that of the best
linear response to the unseen seconds themselves. Writes `results/devices.md`.
"""

import argparse
import time
from pathlib import Path
from typing import Any

from benchmarks.table import write_table
from ddspfx.audio import read_audio
from ddspfx.data.pair import Pair
from ddspfx.data.recording import Recording
from ddspfx.fit.auto import fit_auto
from ddspfx.fit.progress import Lines
from ddspfx.fit.scoring import score_pair
from ddspfx.report.demo import linear_reference, parted

DATA = Path(__file__).parents[2] / "shared/data"
OVERDRIVE_RATE = 48_000
"""Hz; the files' headers say 44,100, the page they come from 48,000 (see the data's README)."""
PAIRS: dict[str, tuple[str, str, int | None]] = {
    "overdrive, 10 %": ("oslo_overdrive/od_input.wav", "oslo_overdrive/od_target_drive010.wav", OVERDRIVE_RATE),
    "overdrive, 45 %": ("oslo_overdrive/od_input.wav", "oslo_overdrive/od_target_drive045.wav", OVERDRIVE_RATE),
    "overdrive, 100 %": ("oslo_overdrive/od_input.wav", "oslo_overdrive/od_target_drive100.wav", OVERDRIVE_RATE),
    "diode clipper": ("diode_clipper_1n4148/clipper_input.flac", "diode_clipper_1n4148/clipper_target.flac", None),
    "CL 1B compressor": ("tubetech_cl1b/comp20s_input.wav", "tubetech_cl1b/comp20s_target.wav", None),
    "6176 preamplifier": ("ua6176_preamp/preamp10s_input.wav", "ua6176_preamp/preamp10s_target.wav", None),
}


def judged(name: str, minutes: float) -> dict[str, Any]:
    """One row of the table."""
    dry_file, wet_file, rate = PAIRS[name]
    dry, wet = (read_audio(DATA / file) for file in (dry_file, wet_file))
    pair = Pair(Recording(dry[0], rate or dry[1], name), Recording(wet[0], rate or wet[1], name))
    fitted, unseen = parted(pair)
    began = time.monotonic()
    run = fit_auto([fitted], minutes=minutes, progress=Lines())
    seconds = time.monotonic() - began
    scored = score_pair(run, unseen)
    row = {
        "device": name,
        "model": run.figures["model"],
        "unseen ESR": scored.score.esr,
        "best linear on the same seconds": linear_reference(scored)[0],
        "validation ESR": run.figures["esr_validation"],
        "seconds": round(seconds),
    }
    print(row, flush=True)
    return row


def main(minutes: float) -> None:
    """All devices."""
    rows = [judged(name, minutes) for name in PAIRS]
    write_table("devices", __doc__, rows, f"python -m benchmarks.devices --minutes {minutes:g}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    main(parser.parse_args().minutes)
