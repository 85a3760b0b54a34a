"""Records that `ddspfx.models.Vinyl` renders, and what is true of them: for `vinyl_analysis`.

The truth of each noise is what the same take of the same machine makes of silence with that noise alone: its knobs are
turned, nothing else. Lines at multiples of the mains are hum, by least squares; what is left of the rumble is rumble.
"""

from typing import Any

import numpy as np

from benchmarks.vinyl_records import Record, thirds
from ddspfx.control import at
from ddspfx.models.vinyl import Vinyl
from ddspfx.models.vinyl_parts import SPEEDS
from ddspfx.render import render

TONE, RATE = 3_150.0, 44_100
OFF: dict[str, Any] = {"dust": 0.0, "scratch": 0.0, "hiss": -120.0, "rumble": -120.0, "hum": -120.0, "warp": 0.0}
MAINS = 50.0


def chain_record(seed: int, music: np.ndarray | None = None, seconds: float = 60.0, lead: float = 10.0) -> Record:
    """A record of the chain with random knobs: a lead-in, then a tone of 3150 Hz at -12 dB or the `music`."""
    rng = np.random.default_rng([seed, 66])
    knobs = _knobs(rng)
    model, count = Vinyl(), round(seconds * RATE)
    dry = 0.25 * np.sin(2 * np.pi * TONE * np.arange(count - round(lead * RATE)) / RATE) * np.ones((2, 1))
    dry = dry if music is None else music[:, : dry.shape[1]]
    whole = np.concatenate([np.zeros((2, round(lead * RATE))), dry], 1).astype(np.float32)
    fixed = {name: knobs[name] for name in ("rpm", "year", "wow", "flutter", "wear", "position")}

    def play(x: np.ndarray, **turned: float) -> np.ndarray:
        return np.asarray(render(at(model, **{**fixed, **OFF, **turned}), x, RATE, key=seed), np.float64)

    silence = np.zeros_like(whole)
    calm = play(silence, hiss=knobs["hiss"])
    low = play(silence, hiss=knobs["hiss"], rumble=knobs["rumble"], hum=knobs["hum"]) - calm
    pops = play(silence, dust=knobs["dust"], scratch=knobs["scratch"]) - play(silence)
    wet = play(whole, **{name: knobs[name] for name in OFF})
    hum = _lines(low)
    rumble = low - hum
    truth = {
        "revolution_hz": SPEEDS[knobs["rpm"]] / 60, "speed_error_ppm": 0.0, "wow_percent": knobs["wow"],
        "wow_phase_deg": _phase(model, SPEEDS[knobs["rpm"]] / 60), "flutter_percent": None,
        "hiss_third_octaves_db": thirds(calm + rumble, RATE), "rumble_db": _level(rumble), "hum_db": _level(hum),
        "hum_hz": MAINS, "seconds": seconds, **_heights(pops),
    }  # fmt: skip
    return Record(wet, None if music is None else dry, RATE, truth)


def _knobs(rng: np.random.Generator) -> dict[str, Any]:
    return {
        "rpm": str(rng.choice(("33", "45", "78"), p=(0.6, 0.3, 0.1))),
        "year": float(rng.uniform(1960, 1990)),
        "wow": float(np.exp(rng.uniform(np.log(0.03), np.log(0.5)))),
        "flutter": float(rng.uniform(0.01, 0.12)),
        "wear": float(rng.uniform(0, 60)),
        "position": float(rng.uniform(0, 90)),
        "dust": float(rng.uniform(5, 70)),
        "scratch": float(rng.choice((0.0, 40.0))),
        "hiss": float(rng.uniform(-72, -54)),
        "rumble": float(rng.uniform(-66, -46)),
        "hum": float(rng.uniform(-85, -60)),
        "warp": float(rng.uniform(0, 1)),
    }


def _phase(model: Vinyl, turn: float) -> float:
    """Degrees of the fundamental's speed, 1 - d' with d a sine, at the file's start, which leaves the delay that late.

    A chain hands a block the clock of what goes into it, so that a delay's own latency alone moves its angle.
    """
    late = dict(zip(model.names, model.blocks, strict=True))["time"].latency(RATE) / RATE
    return float((360 * turn * late) % 360 - 180)


def _lines(x: np.ndarray) -> np.ndarray:
    """The part of `x` at multiples of the mains."""
    t = np.arange(x.shape[1]) / RATE
    waves = np.concatenate(
        [[np.cos(2 * np.pi * MAINS * k * t), np.sin(2 * np.pi * MAINS * k * t)] for k in range(1, 7)]
    )
    weights = 2 / x.shape[1] * (x @ waves.T)
    return np.asarray(weights @ waves)


def _level(x: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(x**2) + 1e-30))


def _heights(pops: np.ndarray) -> dict[str, np.ndarray]:
    """Peaks of what clicks alone play, those of both walls together, none within 1.5 ms of a higher one."""
    from scipy.ndimage import maximum_filter1d

    size = np.abs(pops).max(0)
    reach = 2 * round(1.5e-3 * RATE) + 1
    peaks = np.flatnonzero((size == maximum_filter1d(size, reach)) & (size > 1e-5))
    return {"heights_db": 20 * np.log10(size[peaks]), "click_times": peaks / RATE}
