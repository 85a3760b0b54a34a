"""Sides of a record with known time: programmes from `../shared/data/cc0` and a player that knows no estimator.

A programme strings short sounds together at random order, speed, gain and overlap, so that nothing repeats exactly. A
record plays it with a start of its own, a speed error, drift, harmonics of the revolution, flutter, skips, an error of
the replay curve, mild distortion, clicks, and hiss 40 dB below the music.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, rfft
from scipy.interpolate import CubicSpline
from scipy.ndimage import map_coordinates
from scipy.signal import bilinear, lfilter, lfilter_zi

from benchmarks.alignment import DATA, RATE
from ddspfx.alignment.interpolate import sample_at
from ddspfx.audio import read_audio

Row = NDArray[np.float64]
Sound = NDArray[np.float32]
DRUMS = ("loop_amen_full", "loop_compus", "loop_industrial", "loop_electric", "loop_mehackit1", "loop_mehackit2")
BASSES = ("bass_voxy_c", "bass_woodsy_c", "bass_thick_c")
STRINGS = ("guit_em9", "guit_e_slide", "ambi_piano")
SLOW = ("ambi_lunar_land", "ambi_choir", "loop_drone_g_97", "ambi_piano")
LOOPS = ("loop_safari", "loop_weirdo")
GRID = 500
"""Points a second at which a record's motion is drawn."""
_CHUNK = 20 * RATE
_JOIN_S = 0.05
_NOISE_DB = -40.0


class Side(NamedTuple):
    """What is on a side and how its player moves: names of two layers, rpm, speed error, wet's start in dry (s)."""

    layers: tuple[tuple[str, ...], ...]
    rpm: float
    speed: float
    start: float
    skips: int
    seed: int


SIDES = {
    "band": Side((DRUMS, BASSES + STRINGS), 33 + 1 / 3, 0.9632, 31.7, 6, 1),
    "loops": Side((LOOPS + DRUMS, LOOPS + BASSES), 33 + 1 / 3, 1.0383, -9.4, 5, 2),
    "guitar and piano": Side((STRINGS, STRINGS + LOOPS), 45.0, 1.0121, 4.2, 5, 3),
    "slow": Side((SLOW, SLOW + BASSES), 33 + 1 / 3, 0.9917, 63.3, 4, 4),
    "shellac": Side((DRUMS + STRINGS, LOOPS + SLOW), 78.0, 1.0274, -2.6, 6, 5),
}


class Record(NamedTuple):
    """`wet` (channels, samples); dry's second at each point of a grid, skips left out; and the skips (time, jump)."""

    wet: Sound
    path: Row
    skips: list[tuple[float, float]]

    def seconds(self, times: Row) -> Row:
        """Where in dry, in seconds, wet is at these times."""
        place = CubicSpline(np.arange(len(self.path)) / GRID, self.path)(times)
        return np.asarray(place + sum((jump * (times >= time) for time, jump in self.skips), np.zeros(len(times))))


@cache
def _sound(name: str) -> Row:
    x = read_audio(DATA / f"cc0/{name}.flac")[0].astype(np.float64)
    x = x / np.max(np.abs(x))
    return np.asarray(x if len(x) == 2 else np.concatenate([x, x]))


def programme(side: Side, seconds: float) -> Sound:
    """Stereo music of so many seconds, with a pause of two seconds every three or four minutes."""
    rng = np.random.default_rng([41, side.seed])
    x = np.zeros((2, round(seconds * RATE)), np.float32)
    for names in side.layers:
        at = 0
        while at < x.shape[1]:
            event = _event(_sound(str(rng.choice(names))), rng)[:, : x.shape[1] - at]
            x[:, at : at + event.shape[1]] += event
            at += max(RATE // 4, event.shape[1] - round(rng.uniform(-0.1, 0.6) * RATE))
    at = 0.0
    while (at := at + rng.uniform(150, 240)) < seconds - 10:
        x[:, round(at * RATE) : round((at + 2) * RATE)] = 0.0
    return x


def _event(sound: Row, rng: np.random.Generator) -> Row:
    """A stretch of a sound at a speed, gain and balance of its own, faded at both ends."""
    speed = 2 ** rng.uniform(-0.5, 0.5)
    length = rng.uniform(0.5, 1.0) * sound.shape[1]
    first = rng.uniform(0, sound.shape[1] - length)
    positions = first + np.arange(0, length, speed)
    ends = np.minimum(1.0, np.minimum(np.arange(len(positions)), np.arange(len(positions))[::-1]) / (_JOIN_S * RATE))
    gains = 0.3 * 10 ** (rng.uniform(-9, 0) / 20) * np.array([1.0, rng.uniform(0.6, 1.0)])[:: rng.choice([-1, 1])]
    rows = [gain * ends * map_coordinates(row, [positions], order=3) for row, gain in zip(sound, gains, strict=True)]
    return np.stack(rows)


def record(side: Side, dry: Sound, seconds: float) -> Record:
    """`seconds` of a player's output that play `dry` by `side`."""
    path, skips = _motion(side, seconds)
    count = round(seconds * RATE)
    found = Record(np.zeros((2, count), np.float32), path, skips)
    states: list[list[Row | None]] = [[None] * len(_curve_errors(side)) for _ in dry]
    power = 0.0
    for begin in range(0, count, _CHUNK):
        times = np.arange(begin, min(begin + _CHUNK, count)) / RATE
        positions = found.seconds(times) * RATE
        for channel, row in enumerate(dry):
            low = int(np.clip(positions.min() - 8000, 0, len(row) - 2))
            near = row[low : max(low + 2, int(positions.max()) + 8000)].astype(np.float64)
            y = _player(_read(near, positions - low), side, states[channel])
            found.wet[channel, begin : begin + len(times)] = y
            power += float(np.sum(y**2))
    _worn(found.wet, float(np.sqrt(power / found.wet.size)), skips, side.seed)
    return found


def _read(x: Row, positions: Row) -> Row:
    """`x` at positions that rise but where a skip is."""
    breaks = np.flatnonzero(np.abs(np.diff(positions)) > 100) + 1
    return np.concatenate([sample_at(x, part) for part in np.split(positions, breaks)])


def _motion(side: Side, seconds: float) -> tuple[Row, list[tuple[float, float]]]:
    """Dry's seconds on the grid, skips left out, and the skips."""
    rng = np.random.default_rng([43, side.seed])
    t = np.arange(int(seconds * GRID) + 2 * GRID) / GRID
    drift = sum(rng.uniform(0.2, 1.0) * 5e-4 * np.sin(2 * np.pi * t / p + rng.uniform(0, 7)) for p in (1900, 700, 160))
    walk = np.cumsum(rng.standard_normal(len(t))) * 2e-6 * np.sqrt(100 / GRID)
    slow = side.speed * (1 + drift + lfilter([0.001], [1, -0.999], walk))
    angle = 2 * np.pi * side.rpm / 60 * np.cumsum(slow) / GRID
    harmonics = sum(
        rng.uniform(0.7, 1.3) * 1.5e-3 / k**1.5 * np.cos(k * angle + rng.uniform(0, 7)) for k in range(1, 9)
    )
    flutter = _flutter(len(t), rng) * (1 + 0.5 * np.sin(2 * np.pi * t / 11.0))
    path = side.start + np.cumsum(slow * (1 + harmonics + 3.5e-4 * flutter)) / GRID
    return path, _skips(side, seconds, rng)


def _flutter(count: int, rng: np.random.Generator) -> Row:
    """Band-passed noise of unit RMS between 6 and 35 Hz, with a tooth at about 11 Hz."""
    f = np.fft.rfftfreq(count, 1 / GRID)
    centre = rng.uniform(9, 13)
    shape = 1 / (1 + (6 / (f + 1e-9)) ** 4) / (1 + (f / 35) ** 8) * (1 + 3 / (1 + ((f - centre) / 0.3) ** 2))
    noise = irfft(np.sqrt(shape) * rfft(rng.standard_normal(count)), count)
    return np.asarray(noise / noise.std())


def _skips(side: Side, seconds: float, rng: np.random.Generator) -> list[tuple[float, float]]:
    """Times and jumps: one to two turns either way, and a groove that is heard four times."""
    turn = 60 / side.rpm
    times = np.sort(rng.uniform(0.06, 0.94, side.skips) * seconds)
    times = times[np.append(True, np.diff(times) > 6 * turn)]
    skips = [(float(time), float(turn * rng.choice([-2, -1, -1, 1, 1, 2]))) for time in times]
    if len(skips) > 3:
        time = skips.pop()[0]
        skips += [(time + k * turn / side.speed, -turn) for k in range(3)]
    return skips


@cache
def _curve_errors(side: Side) -> tuple[tuple[Row, Row], ...]:
    """Replay time constants some per cent off those of the record: (b, a) of first-order sections."""
    rng = np.random.default_rng([47, side.seed])
    sections = []
    for tau in (318e-6, 75e-6):
        off = 1 + rng.uniform(0.05, 0.15) * rng.choice([-1, 1])
        sections.append(bilinear([tau * off, 1], [tau, 1], RATE))
    sections.append(bilinear([1, 0], [1, 2 * np.pi * 20], RATE))
    return tuple((np.asarray(b), np.asarray(a)) for b, a in sections)


def _player(x: Row, side: Side, state: list[Row | None]) -> Row:
    """A lopsided curve, and an error of the replay curve; `state` goes on from piece to piece."""
    y = x + 0.04 * x**2 - 0.08 * x**3
    for k, (b, a) in enumerate(_curve_errors(side)):
        held = state[k]
        y, state[k] = lfilter(b, a, y, zi=0.0 * lfilter_zi(b, a) if held is None else held)
    return np.asarray(y)


def _worn(wet: Sound, level: float, skips: list[tuple[float, float]], seed: int) -> None:
    """Hiss of two spectra and clicks put on, in place; a thump at each skip."""
    rng = np.random.default_rng([53, seed])
    for row in wet:
        for begin in range(0, len(row), _CHUNK):
            white = rng.standard_normal((2, len(row[begin : begin + _CHUNK])))
            pink = irfft(rfft(white[1]) / np.sqrt(np.arange(len(white[1]) // 2 + 1) + 400), len(white[1]))
            hiss = white[0] + pink / pink.std()
            row[begin : begin + _CHUNK] += (level * 10 ** (_NOISE_DB / 20) / np.sqrt(2) * hiss).astype(np.float32)
    count = rng.poisson(5 * wet.shape[1] / RATE)
    places = np.concatenate([rng.integers(0, wet.shape[1] - 400, count), [int(t * RATE) for t, _ in skips]])
    for place in places.astype(int):
        t = np.arange(400) / RATE
        height = level * min(8.0, 0.15 * (1 + rng.pareto(1.5))) * rng.choice([-1, 1])
        shape = np.exp(-t / (2e-5 * 50 ** rng.uniform(0, 1))) * np.cos(2 * np.pi * 9000 * t)
        wet[:, place : place + 400] += (height * rng.uniform(-1, 1, (2, 1)) * shape).astype(np.float32)
