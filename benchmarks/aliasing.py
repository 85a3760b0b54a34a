"""Writes docs/aliasing.md: the alias energy of every curve, as it is, anti-aliased and oversampled.

python -m benchmarks.aliasing
"""

from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ddspfx.block import AbstractBlock
from ddspfx.blocks.antialiased import Antialiased
from ddspfx.blocks.curve import AbstractCurve, HardClip, Polynomial, Rational, SoftClip, Tanh
from ddspfx.blocks.learned_curve import MLPCurve, SplineCurve
from ddspfx.blocks.oversampled import Oversampled
from ddspfx.clock import Clock

SAMPLE_RATE = 44_100
COUNT = 2**15
CYCLES = round(5_000 / SAMPLE_RATE * COUNT)
"""Odd, so without a common factor with COUNT: no alias of any harmonic lands on a harmonic."""
DRIVE = 24.0
PAGE = Path(__file__).parent.parent / "docs" / "aliasing.md"

TEXT = """# Aliasing of the curves

Alias energy of a full-scale sine at {frequency:.0f} Hz and {sample_rate} Hz, in dB relative to the energy of the
harmonics below Nyquist that the same output contains. Lower is better. The sine fits {count} samples exactly, so
every line of the spectrum is either a harmonic or an alias. Computed in float32.

{table}

- *Naive* is the curve at the sample rate. *First* and *second order* are `Antialiased(curve, 1)` and
  `Antialiased(curve, 2)`, *4×* and *8×* are `Oversampled(curve, factor)`, the last column is
  `Oversampled(Antialiased(curve, 2), 4)`.
- The curves are driven by {drive:g} dB: `Tanh({drive:g})`, `SoftClip({drive:g})`, `HardClip(-{drive:g})`, the Padé
  approximant of the same tanh for `Rational`, `SplineCurve` through that tanh at its knots, `MLPCurve` with eight
  such bends, and `Polynomial` with harmonics up to the ninth.
- Anti-aliasing by the mean over a segment is a low-pass filter as well: at 5 kHz and 44.1 kHz it takes off
  {droop[0]:.1f} dB (first order) or {droop[1]:.1f} dB (second order), at 15 kHz {droop[2]:.1f} or {droop[3]:.1f} dB.
  It costs half a sample or one sample of latency. Oversampling by 4 and 8 costs {late[0]:.0f} and {late[1]:.0f} samples
  and is flat to 20 kHz. Together they lose little and reject most (last column).

Made by `python -m benchmarks.aliasing`.
"""


def curves() -> dict[str, AbstractCurve]:
    gain = 10 ** (DRIVE / 20)
    spline = SplineCurve()
    mlp = MLPCurve(8, key=jax.random.key(0))
    bent = (mlp.weight * gain / 4, mlp.bias * gain / 4, 0.2 * jnp.cos(jnp.arange(8.0)))
    pade = Rational()
    return {
        "Tanh": Tanh(DRIVE),
        "SoftClip": SoftClip(DRIVE),
        "HardClip": HardClip(-DRIVE),
        "Polynomial": Polynomial((0.0, 1.0, 0.3, -0.3, 0.2, 0.2, -0.1, -0.1, 0.1, 0.1)),
        "Rational": Rational(pade.above * gain ** jnp.arange(6) / gain, pade.below * gain ** jnp.arange(1, 5)),
        "SplineCurve": eqx.tree_at(lambda s: s.heights, spline, jnp.tanh(gain * spline.heights) / gain),
        "MLPCurve": eqx.tree_at(lambda m: (m.weight, m.bias, m.out), mlp, bent),
    }


def versions(curve: AbstractCurve) -> dict[str, AbstractBlock]:
    return {
        "naive": curve,
        "first order": Antialiased(curve, 1),
        "second order": Antialiased(curve, 2),
        "4×": Oversampled(curve, 4),
        "8×": Oversampled(curve, 8),
        "second order at 4×": Oversampled(Antialiased(curve, 2), 4),
    }


def alias_energy(block: AbstractBlock) -> float:
    """Energy of all lines that are no harmonics, in dB relative to those that are; 0 Hz is left out."""
    x = jnp.sin(2 * jnp.pi * jnp.asarray(np.arange(2 * COUNT) * CYCLES % COUNT / COUNT))[None]
    y, _ = jax.jit(lambda x, s: block(x, s, Clock.zero(SAMPLE_RATE)))(x, block.init_state(1, SAMPLE_RATE))
    power = np.abs(np.fft.rfft(np.asarray(y[0, COUNT:], float))) ** 2
    harmonics = power[CYCLES::CYCLES].sum()
    return float(10 * np.log10((power[1:].sum() - harmonics) / harmonics))


def table() -> str:
    rows = {name: {v: alias_energy(b) for v, b in versions(c).items()} for name, c in curves().items()}
    heads = list(next(iter(rows.values())))
    lines = ["| curve | " + " | ".join(heads) + " |", "| --- |" + " ---: |" * len(heads)]
    for name, row in rows.items():
        lines.append(f"| `{name}` | " + " | ".join(f"{level:.1f}" for level in row.values()) + " |")
    return "\n".join(lines)


def droop(frequency: float, order: int) -> float:
    """What anti-aliasing takes off a straight line's output, in dB: the means of its segments are FIR filters."""
    cosine = np.cos(2 * np.pi * frequency / SAMPLE_RATE)
    return float(-20 * np.log10(np.sqrt((1 + cosine) / 2) if order == 1 else (2 + cosine) / 3))


def page() -> str:
    return TEXT.format(
        frequency=CYCLES * SAMPLE_RATE / COUNT,
        sample_rate=SAMPLE_RATE,
        count=COUNT,
        drive=DRIVE,
        table=table(),
        droop=[droop(f, order) for f in (5e3, 15e3) for order in (1, 2)],
        late=[Oversampled(Tanh(), factor).latency(SAMPLE_RATE) for factor in (4, 8)],
    )


if __name__ == "__main__":
    text = page()
    PAGE.write_text(text, encoding="utf-8")
    print(text)
