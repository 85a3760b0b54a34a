"""Record players that others emulate, run as separate programs: Calf Vinyl through FFmpeg, and two chains of filters.

None was looked into; their names, ports and ranges are what they say of themselves. A device whose program is missing
plays nothing.
"""

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile as sf

from ddspfx.audio import read_audio

RATE = 44_100
CC0 = Path(__file__).parents[2] / "shared/data/cc0"
TRAINING = ("loop_amen_full", "loop_compus", "guit_em9", "loop_weirdo", "bass_voxy_c", "ambi_lunar_land")
"""41.8 s."""
TESTING = ("loop_safari", "guit_e_slide")
"""12.3 s of other music."""
PEAK, FADE_S, LEAD_S = 0.5, 0.01, 0.5
"""Of each piece; half a second of silence lies before the first, since a vibrato starts with a bang."""
PLUGIN = "http\\\\://calf.sourceforge.net/plugins/Vinyl"


class Device(NamedTuple):
    """A chain of FFmpeg's filters, whether it moves time, and how loud the real record's crackle is mixed in."""

    chain: str
    moves: bool
    crackle: float = 0.0


def _calf(**ports: float) -> str:
    """Calf Vinyl; unlit noises stay off."""
    return f"lv2=p={PLUGIN}:c=" + "|".join(f"{name}={value:g}" for name, value in ports.items())


def _wobble(*waves: tuple[float, float]) -> str:
    """Vibratos at four times the rate, whose own interpolation then does not colour the sound."""
    swings = ",".join(f"vibrato=f={f:g}:d={d:g}" for f, d in waves)
    return f"aresample={4 * RATE}:filter_size=128:cutoff=0.98,{swings},aresample={RATE}:filter_size=128:cutoff=0.98"


DEVICES = {
    "calf, aged": Device(_calf(aging=0.3, active1=1, gain1=0.01, active4=1, gain4=0.02), False),
    "calf, wow": Device(_calf(drone=0.1, aging=0.1, active2=1, gain2=0.03), True),
    "calf, 45 rpm, worn": Device(_calf(speed=45, drone=0.2, aging=0.5, freq=1400, active3=1, gain3=0.02), True),
    "calf, 78 rpm": Device(
        _calf(speed=78, drone=0.3, aging=0.4, freq=1800, active0=1, gain0=0.01, active5=1, gain5=0.05), True
    ),
    "filters, replay curve and soft clip": Device(
        "aemphasis=mode=reproduction:type=riaa:level_in=2,asoftclip=type=tanh:threshold=0.5,"
        + _wobble((0.5556, 0.1), (1.1111, 0.02)),
        True,
        0.05,
    ),
    "filters, Columbia curve and hard knee": Device(
        "aemphasis=mode=reproduction:type=col,volume=6dB,asoftclip=type=cubic:threshold=0.6:param=1,"
        + _wobble((1.3, 0.05), (8.0, 0.004)),
        True,
        0.02,
    ),
}


def missing(device: str) -> str:
    """The program that a device lacks here; empty where there is nothing missing."""
    if shutil.which("ffmpeg") is None:
        return "ffmpeg is not installed"
    if not device.startswith("calf"):
        return ""
    told = (
        subprocess.run(["lv2info", PLUGIN.replace("\\", "")], capture_output=True) if shutil.which("lv2info") else None
    )
    return "" if told is not None and told.returncode == 0 else "calf-plugins or lilv-utils is not installed"


def programme(names: tuple[str, ...]) -> np.ndarray:
    """Pieces in a row in stereo, (2, samples), each at the same peak, faded in and out."""
    rows = []
    for name in names:
        x, rate = read_audio(CC0 / f"{name}.flac")
        assert rate == RATE
        ramp = np.minimum(1.0, np.arange(x.shape[1]) / (FADE_S * RATE))
        rows.append(np.broadcast_to(PEAK * x / np.abs(x).max() * ramp * ramp[::-1], (2, x.shape[1])))
    return np.concatenate(rows, axis=1).astype(np.float32)


def played(device: str, x: np.ndarray, later: int = 0) -> np.ndarray:
    """What a device makes of x (2, samples); `later` seconds of silence are played before, so that time differs."""
    about = DEVICES[device]
    lead = round((LEAD_S + later) * RATE)
    with tempfile.TemporaryDirectory() as folder:
        given, made = Path(folder) / "dry.wav", Path(folder) / "wet.wav"
        sf.write(given, np.pad(x, ((0, 0), (lead, RATE))).T, RATE, subtype="FLOAT")
        words = ["ffmpeg", "-y", "-v", "error", "-i", given, "-af", f"aformat=channel_layouts=stereo,{about.chain}"]
        command = [str(word) for word in [*words, "-c:a", "pcm_f32le", made]]
        subprocess.run(command, check=True, capture_output=True)
        wet = sf.read(made)[0].T[:, lead : lead + x.shape[1]]
    return (wet + about.crackle * crackle(x.shape[1], later)).astype(np.float32)


def crackle(count: int, later: int) -> np.ndarray:
    """The noise of a real record (8 s, repeated), from another place for another take."""
    noise = read_audio(CC0 / "vinyl_hiss.flac")[0]
    return np.resize(np.roll(noise, later * RATE // 2, axis=1).T, (count, 2)).T
