"""Four networks that learn an effect from a pair: windows, convolutions, an LSTM, and one in both directions.

Kinds as in "Towards a vinyl sound emulation utilizing machine learning methods", whose sizes are not given; ours have
a few thousand numbers each. All see the last 64 samples and where the disc stands (sine and cosine of its angle),
without which nothing could know when a rumble comes. The bidirectional one hears the whole recording before it answers,
so it is a function and no block.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from ddspfx.signal.rnn import Weights, fold, recur

WINDOW, HIDDEN, DENSE, FILTERS = 64, 32, 64, 16
SEQUENCE, BATCH, SETTLED = 1_024, 30, 128
"""Samples of a sequence, sequences of a step, samples that are only heard."""
RATE = 3e-3
"""Of Adam, falling to a tenth by a cosine over all epochs."""
KINDS = ("DNN", "DNN+CNN", "DNN+LSTM", "BLSTM")
Numbers = dict[str, Any]


def dense(key: Any, inputs: int, outputs: int) -> Numbers:
    """Glorot's start."""
    scale = np.sqrt(2 / (inputs + outputs))
    return {"w": scale * jax.random.normal(key, (inputs, outputs)), "b": jnp.zeros(outputs)}


def cell(key: Any, inputs: int) -> Numbers:
    """An LSTM whose cells forget after 1 to 1,000 samples."""
    keys = jax.random.split(key, 3)
    keep = jnp.log(jnp.exp(jax.random.uniform(keys[2], (HIDDEN,)) * np.log(1_000.0)) + 1e-3)
    bias = jnp.concatenate([-keep, keep, jnp.zeros(2 * HIDDEN)])
    size = 1 / np.sqrt(HIDDEN)
    return {
        "input": jax.random.uniform(keys[0], (inputs, 4 * HIDDEN), minval=-size, maxval=size),
        "recurrent": jax.random.uniform(keys[1], (HIDDEN, 4 * HIDDEN), minval=-size, maxval=size),
        "bias": bias,
    }


def started(kind: str, seed: int = 0) -> Numbers:
    """The numbers of a network before it has learned: it passes what it hears."""
    numbers = _drawn(kind, seed)
    return {**numbers, "out": jax.tree.map(jnp.zeros_like, numbers["out"])}


def _drawn(kind: str, seed: int) -> Numbers:
    keys = jax.random.split(jax.random.key(seed), 5)
    width = WINDOW + 2
    if kind == "DNN":
        return {
            "one": dense(keys[0], width, DENSE),
            "two": dense(keys[1], DENSE, DENSE),
            "out": dense(keys[2], DENSE, 1),
        }
    if kind == "DNN+CNN":
        filters = {"w": dense(keys[0], WINDOW // 2, FILTERS)["w"], "b": jnp.zeros(FILTERS)}
        return {"filters": filters, "one": dense(keys[1], 5 * FILTERS + 2, DENSE), "out": dense(keys[2], DENSE, 1)}
    if kind == "DNN+LSTM":
        return {"cell": cell(keys[0], width), "one": dense(keys[1], HIDDEN, DENSE), "out": dense(keys[2], DENSE, 1)}
    both = {"ahead": cell(keys[0], width), "back": cell(keys[1], width)}
    return {**both, "one": dense(keys[2], 2 * HIDDEN, DENSE), "out": dense(keys[3], DENSE, 1)}


def played(kind: str, numbers: Numbers, x: Any, angle: Any) -> Any:
    """What a network answers to x (sequences, samples), whose first 63 are history; angle (sequences, answers, 2)."""
    count = x.shape[1] - WINDOW + 1
    seen = jnp.stack([x[:, k : k + count] for k in range(WINDOW)], axis=-1)
    given = jnp.concatenate([seen, angle], axis=-1)
    if kind == "DNN":
        inner = _tanh(numbers["two"], _tanh(numbers["one"], given))
    elif kind == "DNN+CNN":
        places = [seen[..., k : k + WINDOW // 2] for k in range(0, WINDOW // 2 + 1, WINDOW // 8)]
        parts = [_tanh(numbers["filters"], part) for part in places]
        inner = _tanh(numbers["one"], jnp.concatenate([*parts, angle], axis=-1))
    elif kind == "DNN+LSTM":
        inner = _tanh(numbers["one"], _recalled(numbers["cell"], given))
    else:
        back = _recalled(numbers["back"], given[:, ::-1])[:, ::-1]
        inner = _tanh(numbers["one"], jnp.concatenate([_recalled(numbers["ahead"], given), back], axis=-1))
    return x[:, WINDOW - 1 :] + (inner @ numbers["out"]["w"] + numbers["out"]["b"])[..., 0]


def _tanh(layer: Numbers, x: Any) -> Any:
    return jnp.tanh(x @ layer["w"] + layer["b"])


def _recalled(layer: Numbers, given: Any) -> Any:
    weights = fold("lstm", Weights(layer["input"], layer["recurrent"], layer["bias"]))
    zero = jnp.zeros((given.shape[0], HIDDEN))
    return jnp.swapaxes(recur("lstm", jnp.swapaxes(given, 0, 1), weights, (zero, zero))[0], 0, 1)


def learned(
    kind: str, dry: np.ndarray, wet: np.ndarray, angle: np.ndarray, epochs: int, say: Callable[[str], None]
) -> Numbers:
    """A network after so many passes through dry and wet (samples,); angle is (samples, 2)."""
    numbers = started(kind)
    starts = np.arange(0, dry.size - SEQUENCE - WINDOW, SEQUENCE)
    steps = len(starts) // BATCH
    rule = optax.chain(
        optax.clip_by_global_norm(1.0), optax.adam(optax.cosine_decay_schedule(RATE, epochs * steps, 0.1))
    )
    state = rule.init(numbers)

    def loss(numbers: Numbers, x: Any, y: Any, angle: Any) -> Any:
        error = (played(kind, numbers, x, angle) - y)[:, SETTLED:]
        return jnp.mean(error**2)

    @jax.jit
    def step(numbers: Numbers, state: Any, x: Any, y: Any, angle: Any) -> Any:
        value, slope = jax.value_and_grad(loss)(numbers, x, y, angle)
        moves, state = rule.update(slope, state, numbers)
        return optax.apply_updates(numbers, moves), state, value

    random = np.random.default_rng(0)
    for epoch in range(epochs):
        order = random.permutation(starts) + random.integers(SEQUENCE // 2)
        for place in range(steps):
            rows = np.minimum(order[place * BATCH : (place + 1) * BATCH], dry.size - SEQUENCE - WINDOW)
            x = np.stack([dry[row : row + SEQUENCE + WINDOW - 1] for row in rows])
            late = [slice(row + WINDOW - 1, row + WINDOW - 1 + SEQUENCE) for row in rows]
            numbers, state, value = step(
                numbers, state, x, np.stack([wet[part] for part in late]), np.stack([angle[part] for part in late])
            )
        if epoch % 20 == 19:
            say(f"{kind}: epoch {epoch + 1}, {float(value):.3g}")
    return numbers


def whole(kind: str, numbers: Numbers, dry: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """The answer to a whole recording."""
    x = np.pad(dry, (WINDOW - 1, 0))[None].astype(np.float32)
    return np.asarray(_played_whole(kind, numbers, x, angle[None].astype(np.float32)))[0]


_played_whole = jax.jit(played, static_argnums=0)


def size(numbers: Numbers) -> int:
    """How many numbers a network has."""
    return sum(leaf.size for leaf in jax.tree.leaves(numbers))
