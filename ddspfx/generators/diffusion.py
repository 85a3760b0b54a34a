"""Windows drawn by a diffusion model whose network corrects what is not Gaussian, and takes without an end."""

from typing import Any, Self

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ddspfx.generators.basis import Basis, Directions
from ddspfx.generators.denoiser import SIGMAS, Denoiser
from ddspfx.generators.edm import heun, levels
from ddspfx.generators.generator import AbstractGenerator, takes_of
from ddspfx.generators.noise import take_of, white
from ddspfx.generators.steady_lines import SteadyLines
from ddspfx.generators.training import crops, train
from ddspfx.generators.unet import UNet

BATCH = 32
AT_ONCE = 2**19
"""Values drawn in one call at most."""
FEW, MANY = 32, 256
"""Windows drawn in one call, the last of them filled up, so that two programs serve every count."""
CALIBRATED = 512
"""Windows by which the powers of the directions are set right once."""


class Diffusion(AbstractGenerator):
    """Windows from unit white noise by `steps` of Heun's method, see `edm` and `denoiser`.

    An endless take cuts its windows, half overlapped, from one endless white noise. Their map is the same everywhere
    and nearly a filter, so two windows agree where they overlap, and are faded from one into the other. What a filter
    as short as a window cannot carry on, the lines, `lines` puts into the noise by the take and the time.
    """

    denoiser: Denoiser
    gains: Directions
    lines: SteadyLines
    scale: float = eqx.field(static=True)
    steps: int = eqx.field(static=True)
    rate: float = eqx.field(static=True)
    length: int = eqx.field(static=True)

    @classmethod
    def fit(
        cls,
        takes: Float[np.ndarray, "takes values"],
        rate: float,
        length: int,
        *,
        widths: tuple[int, ...] = (16, 16, 24, 24, 32),
        patch: int = 4,
        updates: int = 2000,
        batch: int = BATCH,
        steps: int = 8,
        seed: int = 0,
        told: Any = None,
    ) -> Self:
        """Trained on takes at least four times as long as the windows, or on windows where these are long.

        `updates` of `batch` windows each; `told(update, loss)` hears of every hundredth. A loss of one is that of the
        best linear denoiser. Raises ValueError when the takes are shorter than a window, or a window is no
        multiple of patch 2^(scales - 1).
        """
        takes = np.atleast_2d(np.asarray(takes, np.float64))
        if takes.shape[1] < length:
            raise ValueError(f"takes have {takes.shape[1]} values, but must have at least length, which is {length}")
        whole = patch * 2 ** (len(widths) - 1)
        if length % whole or length % 2:
            raise ValueError(f"length is {length}, but must be a multiple of patch 2^(scales - 1), which is {whole}")
        scale = float(takes.std())
        takes = takes / scale
        basis = Basis.fit(takes, length)
        bands = basis.bands.shape[0]
        channels = 1 if basis.vectors is None else 3 + bands
        network = UNet(channels, widths, patch, bands, key=jax.random.key(seed))
        denoiser = train(Denoiser(basis, network), crops(takes, length, batch), updates, seed, told=told)
        lines = SteadyLines.none(length) if basis.vectors is None else SteadyLines.fit(takes, rate, length)
        made = cls(
            denoiser=denoiser,
            gains=jnp.ones_like(basis.power),
            lines=lines,
            scale=scale,
            steps=steps,
            rate=float(rate),
            length=length,
        )
        return made if basis.vectors is None else made._calibrated()

    def read(self, key: Any, start: int, count: int) -> Float[np.ndarray, " count"]:
        hop = self.length // 2
        first, last = start // hop - 1, (start + count - 1) // hop
        windows = self.window(key, first, last - first + 1)
        fade = np.sin(np.pi * (np.arange(self.length) + 0.5) / self.length) ** 2
        total = np.zeros((len(windows) + 1) * hop)
        for number, window in enumerate(windows):
            total[number * hop : number * hop + self.length] += fade * window
        return total[start - first * hop :][:count]

    def window(self, key: Any, first: int, count: int) -> Float[np.ndarray, "count length"]:
        """Windows `first` to first + count - 1 of an endless take, each beginning half a window after the last."""
        take, hop = take_of(key), self.length // 2
        noise = white(take, "diffusion", first * hop, (count - 1) * hop + self.length)
        rows = [noise[number * hop :][: self.length] for number in range(count)]
        rows = [self.lines.held(row, take, (first + n) * hop, self.rate) for n, row in enumerate(rows)]
        return self.drawn(np.stack(rows))

    def sample(self, key: Any, count: int) -> Float[np.ndarray, "count length"]:
        return self.drawn(np.stack([white(take, "diffusion", 0, self.length) for take in takes_of(key, count)]))

    def drawn(self, noise: Float[np.ndarray, "count length"]) -> Float[np.ndarray, "count length"]:
        """Windows made of unit white noise."""
        some = max(1, min(FEW if len(noise) <= FEW else MANY, AT_ONCE // self.length))
        padded = np.concatenate([noise, np.zeros((-len(noise) % some, self.length))])
        parts = [jnp.asarray(padded[at : at + some], float) for at in range(0, len(padded), some)]
        rows = np.concatenate([np.asarray(_drawn(self, part)) for part in parts])
        return np.asarray(rows.astype(np.float64)[: len(noise)] * self.scale)

    def _calibrated(self) -> Self:
        """With the powers of all directions set right: what the network's errors and the steps did to them."""
        vectors = np.asarray(self.denoiser.basis.vectors, np.float64)
        noise = np.stack([white(take, "diffusion", 0, self.length) for take in takes_of(1, CALIBRATED)])
        found = np.mean((self.drawn(noise) / self.scale @ vectors) ** 2, axis=0)
        # What the noise itself has by chance is no error.
        wanted = np.asarray(self.denoiser.basis.power, np.float64) * np.mean((noise @ vectors) ** 2, axis=0)
        gains = jnp.asarray(np.sqrt(np.clip(wanted / found, 0.25, 4.0)), float)
        made: Self = eqx.tree_at(lambda made: made.gains, self, gains)
        return made


@eqx.filter_jit
def _drawn(made: Diffusion, u: Float[Array, "batch values"]) -> Float[Array, "batch values"]:
    denoiser = made.denoiser
    turned = heun(denoiser, denoiser.basis.apply, denoiser.excess, levels(made.steps, *SIGMAS), u)
    return denoiser.basis.apply(denoiser.basis.power**0.5 * made.gains, turned)
