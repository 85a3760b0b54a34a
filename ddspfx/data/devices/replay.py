"""A replay head: what spacing, thickness and gap lose, and the bump of its poles."""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

INCH = 0.0254
TAPS = 1_025


class ReplayHead(NamedTuple):
    """The lengths of a replay head and tape in metres, and `bump`, dB at the wavelength of its `poles`.

    L(f) = exp(-k d) (1 - exp(-k t)) / (k t) sin(k g / 2) / (k g / 2), k = 2 pi f / v, with `spacing` d,
    `thickness` t and `gap` g. Source: Chowdhury (2019), "Real-time physical modelling for analog tape machines", DAFx;
    Bertram (1994), "Theory of magnetic recording".
    """

    spacing: float = 0.8e-6
    thickness: float = 2.5e-6
    gap: float = 3e-6
    bump: float = 1.5
    poles: float = 3e-3

    def loss(self, frequency: Float[np.ndarray, "..."], ips: float) -> Float[np.ndarray, "..."]:
        """L at frequencies in Hz for a tape at `ips` inches a second."""
        k = 2 * np.pi * np.asarray(frequency, np.float64) / (ips * INCH)
        thick = np.maximum(k * self.thickness, 1e-12)
        gap = np.sinc(k * self.gap / (2 * np.pi))
        return np.asarray(np.exp(-k * self.spacing) * -np.expm1(-thick) / thick * gap)

    def play(
        self, x: Float[np.ndarray, "channels samples"], sample_rate: float, ips: float
    ) -> Float[np.ndarray, "channels samples"]:
        """x behind the losses, which have no phase, and the bump, a causal peak of Q 1; as long as x."""
        from scipy.signal import lfilter, oaconvolve

        size = 16 * (TAPS - 1)
        whole = np.fft.irfft(self.loss(np.fft.rfftfreq(size, 1 / sample_rate), ips), size)
        taps = np.roll(whole, TAPS // 2)[:TAPS] * np.hanning(TAPS + 2)[1:-1]
        lost = oaconvolve(x, taps[None], mode="full", axes=-1)[:, TAPS // 2 : TAPS // 2 + x.shape[1]]
        return np.asarray(lfilter(*self._peak(sample_rate, ips), lost, axis=-1))

    def _peak(self, sample_rate: float, ips: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Bristow-Johnson's peaking equaliser at v / poles Hz."""
        omega = 2 * math.pi * ips * INCH / self.poles / sample_rate
        alpha, amplitude = math.sin(omega) / 2, 10 ** (self.bump / 40)
        middle = -2 * math.cos(omega)
        top = (1 + alpha * amplitude, middle, 1 - alpha * amplitude)
        return top, (1 + alpha / amplitude, middle, 1 - alpha / amplitude)
