"""A curve without most of its aliasing: the mean over what the signal passes through between samples."""

import equinox as eqx
import jax.numpy as jnp

from ddspfx.block import AbstractBlock
from ddspfx.blocks.curve import AbstractCurve, HardClip, Tanh
from ddspfx.clock import Clock
from ddspfx.types import Audio, State


class Antialiased(AbstractBlock):
    """A curve applied to the line through the samples, then low-passed by a box or a triangle, then sampled.

    With s(t) = x[n-1] + t (x[n] - x[n-1]) on each segment,

        order 1:  y[n] = ∫ f(s_n(t)) dt                                       half a sample late
        order 2:  y[n] = ∫ t f(s_(n-1)(t)) dt + ∫ (1 - t) f(s_n(t)) dt        one sample late

    for t from 0 to 1. The means are the curve's own `moments`: in closed form where that is well conditioned,
    else by quadrature, so that float32 keeps its digits where the difference quotient of antiderivatives
    loses them. The curve's slots are read at the end of each segment. Both orders are low-pass filters: a
    straight line is turned into (x[n-1] + x[n]) / 2 or (x[n-2] + 4 x[n-1] + x[n]) / 6, which is 6 dB down at a
    third of the sample rate; `Oversampled(Antialiased(...), 2)` moves that out of hearing.
    Source: Parker, Zavalishin, Le Bivic (2016), "Reducing the aliasing of nonlinear waveshaping using
    continuous-time convolution", DAFx, rectangular and triangular kernels; Bilbao, Esqueda, Parker,
    Välimäki (2017), "Antiderivative antialiasing for memoryless nonlinearities". Raises TypeError for a
    block that is no curve and ValueError for an order other than 1 and 2.
    """

    curve: AbstractCurve
    order: int = eqx.field(static=True, default=1)

    def __check_init__(self) -> None:
        if not isinstance(self.curve, AbstractCurve):
            raise TypeError(f"curve is {type(self.curve).__name__}, but must be a curve such as Tanh or HardClip")
        if self.order not in (1, 2):
            raise ValueError(f"order is {self.order}, but must be 1 or 2")

    def init_state(self, channels: int, sample_rate: int) -> State:
        return jnp.zeros((channels, self.order))

    def __call__(self, x: Audio, state: State, clock: Clock) -> tuple[Audio, State]:
        line = jnp.concatenate([state.astype(x.dtype), x], axis=1)
        a, b = line[:, :-1], line[:, 1:]
        settings = self.curve.settings(b, clock.after(1 - self.order))
        mean, ramp = self.curve.moments(a, b, *settings)
        y = mean if self.order == 1 else ramp[:, :-1] + (mean - ramp)[:, 1:]
        return y, line[:, line.shape[1] - self.order :]

    def latency(self, sample_rate: int) -> float:
        return self.order / 2

    @classmethod
    def examples(cls) -> tuple["Antialiased", ...]:
        return (cls(Tanh(12.0)), cls(HardClip(-6.0), 2))
