"""A tape machine simulated from the published equations, which tells everything that it hid."""

import functools
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from ddspfx.data.devices.hiss import Colour, hiss
from ddspfx.data.devices.recording import TAPE, Bias, Material, RecordHead, magnetised
from ddspfx.data.devices.replay import ReplayHead
from ddspfx.data.devices.transport import Band, Transport, integrated
from ddspfx.signal.warp import interpolate
from ddspfx.source.trajectory import Trajectory

Signal = Float[np.ndarray, "channels samples"]

GRAIN = 500.0
"""Hz up to which the tape's own unevenness modulates a tone: modulation noise stands this far beside it."""
FAINT = 1e-3
"""Of full scale: the tone that calibrates the gain."""


@dataclass(frozen=True, eq=False)
class Simulated:
    """What a simulated machine gave, and what only a simulator knows; signals are (channels, samples).

    `wet` = `clean` + `modulation` + `hiss`, and `clean` is the replay of `magnetisation` (A/m) read at t - `delay`(t).
    `field` is what the record head made of the dry signal, in A/m, without the bias. `delay` is in seconds.
    """

    wet: Signal
    clean: Signal
    delay: Signal
    field: Signal
    magnetisation: Signal
    hiss: Signal
    modulation: Signal
    sample_rate: int

    def trajectory(self, rate: int = 200) -> Trajectory:
        """The delay as a source for models: one row of knots, or one a channel where the channels differ."""
        times = np.arange(self.delay.shape[1]) / self.sample_rate
        same = bool(np.all(self.delay == self.delay[:1]))
        return Trajectory.fit(times, self.delay[0] if same else self.delay, times[-1], self.sample_rate, rate)


@dataclass(frozen=True)
class TapeSimulator:
    """Record head, biased Jiles-Atherton tape, transport, replay head, modulation noise and hiss.

    `drive` in dB is the gain in front of the head, taken back behind it, so that faint sounds pass at gain 1. `wow` and
    `flutter` scale those of `transport` (0 stills it), `base` is the delay about which it moves, in seconds.
    `level` of the hiss is in dBFS RMS (None for silence) and `modulation` that of the modulation noise in dB
    below the signal (None for none). `azimuth` is how much later the right channel is, in seconds, and
    `azimuth_wander` the RMS of its slow change. The same seed is the same take; another one another transport and
    other noise on the same machine. `solver` is "rk2", "rk4" or "newton".
    Sources: Chowdhury (2019), "Real-time physical modelling for analog tape machines", DAFx; Jiles and Atherton (1986).
    """

    seed: int = 0
    drive: float = 0.0
    wow: float = 1.0
    flutter: float = 1.0
    level: float | None = -66.0
    modulation: float | None = -52.0
    base: float = 0.02
    azimuth: float = 0.0
    azimuth_wander: float = 0.0
    bias: Bias = field(default_factory=Bias)
    material: Material = TAPE
    head: RecordHead = field(default_factory=RecordHead)
    replay: ReplayHead = field(default_factory=ReplayHead)
    transport: Transport = field(default_factory=Transport)
    colour: Colour = field(default_factory=Colour)
    solver: str = "rk4"
    substeps: int = 2

    def play(self, dry: Any, sample_rate: int) -> Simulated:
        """A dry signal, (channels, samples) or (samples,) in full scales, through the machine in float64.

        Raises ValueError for another shape, and where the bias does not fit the sample rate.
        """
        x = np.atleast_2d(np.asarray(dry, np.float64))
        if x.ndim != 2 or x.shape[0] not in (1, 2) or x.shape[1] == 0:
            raise ValueError(f"dry has shape {np.shape(dry)}, but must be (channels, samples) with 1 or 2 channels")
        strength = 10 ** (self.drive / 20) * self.head.full_scale
        magnetisation = self._magnetised(strength * x, sample_rate)
        delay = self.delay(x.shape[0], x.shape[1], sample_rate)
        places = np.arange(x.shape[1]) - delay * sample_rate
        sound = magnetisation / (strength * _gain(self, sample_rate))
        moved = np.stack([interpolate(row, place) for row, place in zip(sound, places, strict=True)])
        clean = self.replay.play(moved, sample_rate, self.transport.ips)
        grain, noise = self._grain(clean, sample_rate), self._hiss(clean.shape, sample_rate)
        wet = clean + grain + noise
        return Simulated(wet, clean, delay, strength * x, magnetisation, noise, grain, sample_rate)

    def delay(self, channels: int, samples: int, sample_rate: int) -> Signal:
        """The delay of this seed in seconds, (channels, samples)."""
        moving = self.transport.scaled(self.wow, self.flutter)
        common = self.base + moving.travel(samples / sample_rate, sample_rate, self.seed).delay
        times = np.arange(samples) / sample_rate
        # A band whose integral has about unit RMS, as its speed is that of its centre.
        wander = integrated(Band(0.1, 0.4, 2 * np.pi * 0.2), times, self.seed, 400).delay
        later = self.azimuth + self.azimuth_wander * wander
        return np.stack([common, common + later][:channels])

    def _magnetised(self, H: Signal, sample_rate: int) -> Signal:
        return magnetised(H, sample_rate, self.bias, self.material, self.solver, self.substeps)

    def _hiss(self, shape: tuple[int, ...], sample_rate: int) -> Signal:
        if self.level is None:
            return np.zeros(shape)
        colour = self.colour._replace(level=self.level)._asdict()
        return np.stack([hiss(shape[1], sample_rate, _folded(self.seed, c), **colour) for c in range(shape[0])])

    def _grain(self, clean: Signal, sample_rate: int) -> Signal:
        """The signal times a slow noise: each grain of tape takes a little more or less of it."""
        from scipy.signal import lfilter

        if self.modulation is None:
            return np.zeros_like(clean)
        pole = np.exp(-2 * np.pi * GRAIN / sample_rate)
        draws = np.stack([np.random.default_rng([self.seed, 500, c]).standard_normal(clean.shape[1]) for c in (0, 1)])
        slow = lfilter([np.sqrt(1 - pole**2)], [1, -pole], draws[: clean.shape[0]], axis=-1)
        return np.asarray(10 ** (self.modulation / 20) * slow * clean)


def _folded(seed: int, channel: int) -> int:
    """Another seed a channel; the first channel's hiss is that of the seed itself."""
    return int(np.random.SeedSequence([seed, channel]).generate_state(1)[0]) if channel else seed


def _gain(machine: TapeSimulator, sample_rate: int) -> float:
    """dM/dH of a faint tone at about 1 kHz under the machine's bias."""
    kept = (machine.bias, machine.material, machine.head, machine.solver, machine.substeps)
    return _faint(*kept, sample_rate)


@functools.lru_cache(maxsize=32)
def _faint(bias: Bias, material: Material, head: RecordHead, solver: str, substeps: int, sample_rate: int) -> float:
    count = 2_048
    tone = FAINT * head.full_scale * np.sin(2 * np.pi * 46 * np.arange(count) / count)[None]
    M = magnetised(tone, sample_rate, bias, material, solver, substeps)
    return float(np.sum(M * tone) / np.sum(tone**2))


def still(machine: TapeSimulator) -> TapeSimulator:
    """The machine without transport and noise: its nonlinearity and its filter alone."""
    return replace(machine, wow=0.0, flutter=0.0, level=None, modulation=None)
