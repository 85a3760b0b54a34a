"""The taps of an FIR block in closed form: the linear part of a fit needs no steps."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ddspfx.block import quiet
from ddspfx.blocks.chain import Serial
from ddspfx.blocks.fir import FIR
from ddspfx.fit.latents import Latents, bind, unstack
from ddspfx.fit.takes import Take
from ddspfx.listing import put
from ddspfx.render import render

RIDGE = 1e-6
"""Of the input's power: what keeps frequencies that the recording does not excite from growing."""


def wiener(
    inputs: Sequence[np.ndarray], targets: Sequence[np.ndarray], taps: int, ridge: float = RIDGE
) -> Float[np.ndarray, " taps"]:
    """h that minimises sum |y - h * u|^2 + ridge r_0 |h|^2 over all (channels, samples) pairs, in float64.

    Autocorrelation method: (R + ridge r_0 I) h = p with R Toeplitz, by Levinson's recursion.
    Source: Wiener (1949); Levinson (1947).
    """
    from scipy.linalg import solve_toeplitz

    r, p = np.zeros(taps), np.zeros(taps)
    for u, y in zip(inputs, targets, strict=True):
        count = 2 ** int(np.ceil(np.log2(u.shape[1] + taps)))
        spectrum, other = (np.fft.rfft(np.asarray(a, np.float64), count) for a in (u, y))
        r += np.fft.irfft(np.sum(np.abs(spectrum) ** 2, axis=0), count)[:taps]
        p += np.fft.irfft(np.sum(np.conj(spectrum) * other, axis=0), count)[:taps]
    if r[0] <= 0:
        return np.asarray(np.eye(1, taps)[0])
    r[0] *= 1 + ridge
    h: Float[np.ndarray, " taps"] = solve_toeplitz(r, p)
    return h


def solved(
    model: Serial, path: str, latents: Latents, takes: Sequence[Take], parts: Sequence[tuple[int, int]]
) -> Serial:
    """The chain with the FIR block called `path` solved for the training parts.

    What stands after it must be transparent when quiet (noise that is added). Raises ValueError when `path`
    is not an FIR block of the chain.
    """
    if not isinstance(model, Serial) or path not in model.names:
        raise ValueError(f"solve names {path!r}, but must name an FIR block of a Serial chain")
    place = model.names.index(path)
    block = model.blocks[place]
    if not isinstance(block, FIR):
        raise ValueError(f"solve names {path!r}, which is {type(block).__name__}, but must be an FIR")
    head = Serial(**dict(zip(model.names[:place], model.blocks[:place], strict=True)))
    inputs, targets = [], []
    for row, (take, (start, stop)) in enumerate(zip(takes, parts, strict=True)):
        own = {p: node for p, node in unstack(latents, row).items() if p.split(".")[0] in head.names}
        u = render(quiet(bind(head, own, take.controls)), take.dry, take.sample_rate)
        late = round(block.latency(take.sample_rate))
        wet = np.pad(take.wet, ((0, 0), (late, 0)))[:, : take.count]
        inputs.append(u[:, start:stop])
        targets.append(wet[:, start:stop])
    taps = wiener(inputs, targets, block.taps.shape[-1])
    return put(model, f"{path}.taps", jnp.asarray(taps, block.taps.dtype))
