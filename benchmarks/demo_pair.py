"""Makes the pair that `ddspfx demo` fits: `python -m benchmarks.demo_pair [OUT]`.

Dry: 24 s of CC0 music (Sonic Pi samples, `../shared/data/cc0`). Wet: the same through Calf Tape Simulator,
driven well into saturation, then two vibratos of FFmpeg (wow and flutter) at four times the rate, so that the
vibrato's own linear interpolation does not colour the sound, then 25 ms of delay. Needs Debian's packages
`calf-plugins` and `ffmpeg`; both run as separate programs.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile as sf

RATE = 44_100
CC0 = Path(__file__).parents[2] / "shared/data/cc0"
OUT = Path(__file__).parents[1] / "ddspfx/data/demo"
EXCERPTS = (
    ("loop_amen_full", 0.0, 4.0),
    ("guit_em9", 0.0, 3.5),
    ("loop_compus", 0.0, 4.0),
    ("bass_voxy_c", 0.0, 2.5),
    ("loop_mehackit1", 0.0, 2.0),
    ("ambi_piano", 0.0, 2.0),
    ("loop_safari", 0.0, 3.5),
    ("loop_weirdo", 0.0, 2.5),
)
"""Name, start and length in seconds. The last two, a quarter of the time, are held out from the fit."""

TAPE = {"level_in": 3.0, "level_out": 0.5, "mix": 1, "lowpass": 12_500, "speed": 1, "noise": 0.02, "mechanical": 0}
WOW = {"f": 0.83, "d": 0.12}
FLUTTER = {"f": 9.2, "d": 0.006}
DELAY_MS = 25


def excerpt(name: str, start: float, length: float) -> np.ndarray:
    """A mono excerpt at a peak of -3 dBFS with 10 ms fades."""
    x, rate = sf.read(CC0 / f"{name}.flac", always_2d=True)
    x = x[round(start * rate) : round((start + length) * rate)].mean(axis=1)
    fade = np.minimum(1.0, np.arange(x.size) / (0.01 * rate))
    return 10 ** (-3 / 20) * x / np.abs(x).max() * fade * fade[::-1]


def chain() -> str:
    """The filters of FFmpeg, in order; half a second of silence first, since its vibrato starts with a bang."""
    controls = "|".join(f"{name}={value}" for name, value in TAPE.items())
    plugin = "http\\\\://calf.sourceforge.net/plugins/TapeSimulator"
    wobble = ",".join(f"vibrato=f={v['f']}:d={v['d']}" for v in (WOW, FLUTTER))
    return (
        f"aformat=channel_layouts=stereo,lv2=p={plugin}:c={controls},pan=mono|c0=c0,adelay=500,"
        f"aresample={4 * RATE}:filter_size=128:cutoff=0.98,{wobble},aresample={RATE}:filter_size=128:cutoff=0.98,"
        f"atrim=start={0.5 - DELAY_MS / 1000}"
    )


def main(out: Path = OUT) -> None:
    """Writes dry.flac and wet.flac."""
    out.mkdir(parents=True, exist_ok=True)
    dry = np.concatenate([excerpt(*e) for e in EXCERPTS])
    sf.write(out / "dry.flac", dry, RATE, subtype="PCM_16")
    with tempfile.TemporaryDirectory() as folder:
        wet = Path(folder) / "wet.wav"
        command = ["ffmpeg", "-y", "-v", "error", "-i", out / "dry.flac", "-af", chain(), "-c:a", "pcm_f32le", wet]
        subprocess.run([str(word) for word in command], check=True)
        y, _ = sf.read(wet)
    sf.write(out / "wet.flac", y[: dry.size], RATE, subtype="PCM_16")
    print(f"{out}: {dry.size / RATE:.1f} s, peak {np.abs(dry).max():.2f} in, {np.abs(y).max():.2f} out")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
