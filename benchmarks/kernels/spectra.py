"""The multi-resolution STFT loss beside auraloss."""

from typing import Any

import jax
import numpy as np

from benchmarks.bench.case import Asked, Kernel, Peer, Place, Problem, Size
from benchmarks.bench.limit import Work
from benchmarks.bench.sides import Arrays, Side, jax_side, torch_right, torch_side
from benchmarks.kernels.signals import RATE, noise
from ddspfx.losses.spectral import RESOLUTIONS, mr_stft


def auraloss_function(dtype: str, device: str = "cpu") -> Any:
    """auraloss with its defaults, which are Yamamoto's resolutions; its window in the precision asked for."""
    import torch
    from auraloss.freq import MultiResolutionSTFTLoss

    loss = MultiResolutionSTFTLoss()
    for one in loss.stft_losses:
        one.window = torch.hann_window(one.win_length, dtype=getattr(torch, dtype), device=device)
    return lambda prediction, target: loss(prediction[:, None], target[:, None])


def auraloss_side(arrays: Arrays, device: str) -> Side:
    return torch_side(auraloss_function("float32", device), arrays, None, device, still=("target",))


def spectra_work(size: Size, signals: int) -> Work:
    """Every window read, transformed (5/2 n log2 n) and turned into logarithms, for each resolution."""
    flops = 0.0
    for one in RESOLUTIONS:
        frames = size.batch * (1 + size.samples // one.hop)
        flops += frames * (2.5 * one.size * np.log2(one.size) + one.size + 20.0 * (one.size // 2 + 1))
    return Work(4.0 * signals * size.batch * size.samples, signals * flops)


def mr_stft_of(prediction: jax.Array, target: jax.Array) -> jax.Array:
    return mr_stft(prediction, target)


class Spectra(Kernel):
    """Three resolutions, prediction and target."""

    name = "multi-resolution STFT loss"
    streams = False
    asked = Asked(1e-5, 2.0, 2.5)
    note = (
        "slopes are shown, not judged: where a bin is nearly zero the logarithm's slope keeps few digits in float32; "
        "at 2 s auraloss's own float32 slopes are 1.2e-3 of the largest from float64, ours 6e-4"
    )
    sizes = (Size(10 * RATE, 8),)

    def problem(self, size: Size, place: Place) -> Problem:
        target = noise(size)
        arrays = {"prediction": (0.8 * target + noise(size, 0.05, 3)).astype(np.float32), "target": target}
        return Problem(
            jax_side(mr_stft_of, arrays, None, place.jax, still=("target",)),
            {"auraloss": Peer(lambda: auraloss_side(arrays, place.torch))},
            lambda: torch_right(auraloss_function("float64"), arrays, None, still=("target",)),
            spectra_work(size, 2),
            spectra_work(size, 3),
        )
