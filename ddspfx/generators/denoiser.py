"""The network's part in the diffusion: what it sees of a noisy window, and what its answer means."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ddspfx.generators.basis import Basis, Directions
from ddspfx.generators.edm import scales
from ddspfx.generators.unet import UNet

SIGMAS = (0.1, 60.0)
"""Least and greatest noise, in units of the data's floor."""
BESIDE = 0.003
"""What the error of a direction that does not stand out of the floor counts."""


class Denoiser(eqx.Module):
    """F of `edm`: a U-Net that sees the noisy window whitened, as it is, as a linear denoiser leaves it, and its bands.

    The window is in units of its floor, y; there lines stand out, as they must for a network to see them. With
    u = c_in y, F = c_out^-1 k net(u, y, D_0), k^2 the weighted mean of c_out^2 over the directions: the network
    answers at the scale at which the mean squared error is counted.
    """

    basis: Basis
    network: UNet

    @property
    def excess(self) -> Directions:
        """The power in units of the floor."""
        return self.basis.power / self.basis.floor

    @property
    def weights(self) -> Directions:
        """How much the error of each direction counts: any choice has the same best answer, this one is found sooner.

        The floor is Gaussian noise, which the linear denoiser knows all about: it would drown the gradient.
        """
        marked = jnp.maximum(1 - 1 / self.excess, BESIDE)
        return marked / marked.mean()

    def share(self, sigma: Float[Array, " batch"]) -> Float[Array, " batch"]:
        """k."""
        if self.basis.vectors is None:
            return sigma / jnp.sqrt(1 + sigma**2)
        return jnp.sqrt(jnp.mean(self.weights * scales(self.excess, sigma[:, None]).out ** 2, axis=1))

    def seen(
        self, u: Float[Array, "batch values"], sigma: Float[Array, " batch"]
    ) -> tuple[Float[Array, "batch channels values"], Float[Array, "batch bands"]]:
        """The network's channels, and the logarithm of the power in each band where lines stand out."""
        basis = self.basis
        if basis.vectors is None:
            return u[:, None], jnp.zeros((u.shape[0], 0), u.dtype)
        power, mean = self.excess, jnp.mean(self.excess)
        total = power + sigma[:, None] ** 2
        directions = u @ basis.vectors
        whole = directions * total**0.5 / jnp.sqrt(mean + sigma**2)[:, None]
        kept = directions * power / total**0.5
        bands = basis.bands * jnp.maximum(1 - 1 / power, 0.0)
        banded = [kept * band for band in bands]
        channels = jnp.stack([directions, whole, kept, *banded], axis=1) @ basis.vectors.T
        own = directions**2 @ bands.T / (jnp.sum(bands, axis=1) + 1e-6)
        return channels, jnp.log(0.05 + own)

    def answer(self, u: Float[Array, "batch values"], sigma: Float[Array, " batch"]) -> Float[Array, "batch values"]:
        """The network's correction of the linear denoiser, D - D_0, over k."""
        channels, facts = self.seen(u, sigma)
        return self.network(channels, jnp.log(sigma), facts)

    def __call__(self, u: Float[Array, "batch values"], sigma: Float[Array, ""]) -> Float[Array, "batch values"]:
        """F for a whole batch at one noise level."""
        every = jnp.full(u.shape[0], sigma)
        return self.basis.apply(self.share(every)[0] / scales(self.excess, sigma).out, self.answer(u, every))
