"""Two ways to compute the same, behind one interface: a function of named arrays in JAX, in PyTorch or in NumPy."""

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

Arrays = Mapping[str, np.ndarray]


class Side(NamedTuple):
    """One way to compute a kernel; each call waits until the result is there.

    `forward` gives the output; `both` gives it as a scalar and the slopes by every array, (value, {name: slope}), or
    is None where this side has none. `compile` takes the time of compilation, where there is one.
    """

    forward: Callable[[], Any]
    both: Callable[[], tuple[Any, Mapping[str, Any]]] | None = None
    compile: Callable[[], tuple[float, float]] | None = None


class Right(NamedTuple):
    """The output and the slopes as float64 has them; slopes that nobody can know are left out."""

    value: np.ndarray
    slopes: Arrays


def float32(arrays: Mapping[str, Any]) -> dict[str, np.ndarray]:
    return {name: np.asarray(value, np.float32) for name, value in arrays.items()}


def float64(arrays: Arrays) -> dict[str, np.ndarray]:
    """The same numbers, as rounded to float32, in float64: what the reference starts from."""
    return {name: np.asarray(value, np.float64) for name, value in arrays.items()}


def jax_side(
    function: Callable[..., Any],
    arrays: Arrays,
    weights: np.ndarray | None,
    device: Any = None,
    still: tuple[str, ...] = (),
) -> Side:
    """`function(**arrays)`, jitted; the slopes are those of sum(weights output), or of a scalar output itself.

    `still` names arrays whose slopes nobody asks for.
    """
    given = {name: jax.device_put(jnp.asarray(value), device) for name, value in arrays.items()}
    cotangent = None if weights is None else jax.device_put(jnp.asarray(weights), device)

    fixed = {name: given[name] for name in still}
    leaves = {name: value for name, value in given.items() if name not in still}

    def loss(leaves: Mapping[str, Any], fixed: Mapping[str, Any], cotangent: Any) -> Any:
        y = function(**leaves, **fixed)
        return y if cotangent is None else jnp.vdot(y, cotangent)

    forward, both = jax.jit(lambda given: function(**given)), jax.jit(jax.value_and_grad(loss))

    def compile() -> tuple[float, float]:
        start = time.process_time()
        forward.lower(given).compile()
        middle = time.process_time()
        both.lower(leaves, fixed, cotangent).compile()
        return middle - start, time.process_time() - middle

    return Side(
        lambda: jax.block_until_ready(forward(given)),
        lambda: jax.block_until_ready(both(leaves, fixed, cotangent)),
        compile,
    )


def torch_side(
    function: Callable[..., Any],
    arrays: Arrays,
    weights: np.ndarray | None,
    device: str = "cpu",
    still: tuple[str, ...] = (),
) -> Side:
    """The same for a function of PyTorch's tensors."""
    import torch

    given = {name: torch.as_tensor(np.array(value), device=device) for name, value in arrays.items()}
    cotangent = None if weights is None else torch.as_tensor(np.array(weights), device=device)
    asked = [name for name in arrays if name not in still]
    wait = torch.cuda.synchronize if device != "cpu" else lambda: None

    def forward() -> Any:
        with torch.inference_mode():
            y = function(**given)
        wait()
        return y

    def both() -> tuple[Any, dict[str, Any]]:
        leaves = {name: value.detach().requires_grad_(name in asked) for name, value in given.items()}
        y = function(**leaves)
        loss = y if cotangent is None else torch.dot(y.reshape(-1), cotangent.reshape(-1))
        slopes = torch.autograd.grad(loss, [leaves[name] for name in asked], allow_unused=True)
        wait()
        return loss.detach(), {name: g for name, g in zip(asked, slopes, strict=True) if g is not None}

    return Side(forward, both)


def torch_right(
    function: Callable[..., Any], arrays: Arrays, weights: np.ndarray | None, still: tuple[str, ...] = ()
) -> Right:
    """The reference where PyTorch in float64 is an independent one."""
    side = torch_side(
        function, float64(arrays), None if weights is None else np.asarray(weights, np.float64), still=still
    )
    assert side.both is not None, "torch_side always has one"
    loss, slopes = side.both()
    value = to_numpy(loss if weights is None else side.forward())
    return Right(value, {name: to_numpy(slope) for name, slope in slopes.items()})


def to_numpy(value: Any) -> np.ndarray:
    """Any array, from any device, in float64."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    return np.asarray(value, np.float64)


def error(value: Any, right: np.ndarray) -> float:
    """The largest difference as a share of the largest value; not a number counts as infinite.

    Where the reference itself is not a number nothing is asked: a branch that rounding decides, say.
    """
    value = to_numpy(value)
    if value.shape != right.shape:
        raise ValueError(f"the output has shape {value.shape}, but the reference {right.shape}")
    known = ~np.isnan(right)
    worst = float(np.max(np.abs(value - right)[known]) / max(float(np.max(np.abs(right[known]))), 1e-300))
    return worst if np.isfinite(worst) else float("inf")


def worst_slope(slopes: Mapping[str, Any], right: Arrays) -> tuple[float, str]:
    """The largest error among the slopes that both know, and whose it is."""
    found = [(error(slopes[name], right[name]), name) for name in right if name in slopes]
    return max(found, default=(float("nan"), ""))
