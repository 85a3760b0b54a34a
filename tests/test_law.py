"""Every exported block obeys the law, and every named model; the test finds them by itself."""

import functools
import inspect
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ddspfx
from ddspfx.models.catalogue import RECIPES
from ddspfx.models.recipe import Setting
from ddspfx.testing import DEFAULT, MATRIX, check_block

RATE = 44_100
BLOCK = 192
"""Of a stream: not a divisor of anything that the kernels use."""


def kinds() -> dict[str, type[ddspfx.AbstractBlock]]:
    """The concrete blocks among the public names."""
    found = {name: getattr(ddspfx, name) for name in ddspfx.__all__}
    return {
        name: kind
        for name, kind in found.items()
        if isinstance(kind, type) and issubclass(kind, ddspfx.AbstractBlock) and not inspect.isabstract(kind)
    }


@functools.cache
def made(name: str) -> tuple[ddspfx.AbstractBlock, ...]:
    """The block without arguments, or with a key alone, or its examples."""
    kind: Any = kinds()[name]
    if hasattr(kind, "examples"):
        return tuple(kind.examples())
    needs = [p.name for p in inspect.signature(kind).parameters.values() if p.default is p.empty]
    return (kind(key=jax.random.key(0)) if "key" in needs else kind(),)


def channels_of(block: ddspfx.AbstractBlock) -> int | None:
    """2 for a block that takes two channels alone, None for one that takes any number."""
    try:
        block.init_state(1, RATE)
    except ValueError:
        return 2
    return None


BLOCKS = sorted(kinds())
MODELS = sorted(RECIPES)


def example(name: str) -> ddspfx.AbstractBlock:
    return RECIPES[name].build(Setting(RATE))


def test_blocks_are_found() -> None:
    assert len(kinds()) >= 40 and {"Serial", "LowPass", "GRU", "FlaxBlock"} <= set(kinds())


@pytest.mark.parametrize("name", BLOCKS)
def test_block_is_the_same_whole_and_in_pieces(name: str) -> None:
    for block in made(name):
        check_block(block, channels=channels_of(block))


@pytest.mark.matrix
@pytest.mark.parametrize("name", BLOCKS)
def test_block_is_the_same_whole_and_in_pieces_everywhere(name: str) -> None:
    for block in made(name):
        check_block(block, channels=channels_of(block), cases=MATRIX, optimised=True)


@pytest.mark.parametrize("name", MODELS)
def test_model_is_the_same_whole_and_in_pieces(name: str) -> None:
    check_block(example(name), cases=DEFAULT[:1])


@pytest.mark.parametrize("name", MODELS)
def test_model_streams_what_it_renders(name: str) -> None:
    model = example(name)
    x = (0.4 * np.random.default_rng(5).normal(size=(1, 6 * BLOCK))).astype(np.float32)
    stream = ddspfx.Stream(model, 1, RATE, BLOCK, key=3)
    played = np.concatenate([stream(jnp.asarray(x[:, i : i + BLOCK])) for i in range(0, x.shape[1], BLOCK)], axis=1)
    late = round(stream.latency)
    assert stream.latency == late
    rendered = ddspfx.render(model, x, RATE, key=3)[:, : x.shape[1] - late]
    assert np.abs(played[:, late:] - rendered).max() <= 1e-6 * max(1.0, np.abs(rendered).max())


@pytest.mark.matrix
@pytest.mark.parametrize("name", MODELS)
def test_model_is_the_same_whole_and_in_pieces_everywhere(name: str) -> None:
    check_block(example(name), sample_rate=RATE, cases=MATRIX, optimised=True)


class Forgetful(ddspfx.AbstractBlock):
    """Takes off the mean of the piece, which depends on how the signal is cut."""

    def init_state(self, channels: int, sample_rate: int) -> Any:
        return ()

    def __call__(self, x: Any, state: Any, clock: ddspfx.Clock) -> Any:
        return x - x.mean(axis=1, keepdims=True), state


class Growing(Forgetful):
    """Keeps all it heard."""

    def init_state(self, channels: int, sample_rate: int) -> Any:
        return jnp.zeros((channels, 1))

    def __call__(self, x: Any, state: Any, clock: ddspfx.Clock) -> Any:
        return x, jnp.concatenate([state, x], axis=1)


class Steep(Forgetful):
    """A root whose slope is infinite in silence."""

    def __call__(self, x: Any, state: Any, clock: ddspfx.Clock) -> Any:
        return jnp.sign(x) * jnp.sqrt(jnp.abs(x)), state


class Shorter(Forgetful):
    """Drops the first sample."""

    def __call__(self, x: Any, state: Any, clock: ddspfx.Clock) -> Any:
        return x[:, 1:], state


class Stopped(ddspfx.AbstractBlock):
    """The slope in pieces is not that of the whole: it is stopped at the seams."""

    weight: Any = ddspfx.param(0.0, 1.0, "", default=0.5)

    def init_state(self, channels: int, sample_rate: int) -> Any:
        return jnp.zeros((channels, 1))

    def __call__(self, x: Any, state: Any, clock: ddspfx.Clock) -> Any:
        past = jnp.concatenate([jax.lax.stop_gradient(state), x[:, :-1]], axis=1)
        return x + ddspfx.read(self.weight, x, clock) * past, x[:, -1:]


@pytest.mark.parametrize(
    ("block", "said"),
    [
        (Forgetful(), "in pieces .* off"),
        (Growing(), "change the shape or type of the state"),
        (Steep(), "NaN or infinity in value or slope with silence"),
        (Shorter(), "output has shape"),
        (Stopped(), "slope of .* off in pieces"),
    ],
)
def test_breaking_the_law_is_seen(block: ddspfx.AbstractBlock, said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        check_block(block, cases=DEFAULT[:1])


EVERYTHING = """
import sys
sys.path.insert(0, {tests!r})
import jax, jax.numpy as jnp
from test_law import BLOCKS, RATE, channels_of, made
from ddspfx import Clock

def run(block):
    channels = channels_of(block) or 1
    x = jnp.zeros((channels, 64))
    return jax.eval_shape(block, x, block.init_state(channels, RATE), Clock.zero(RATE))

for block in (block for name in BLOCKS for block in made(name)):
    y, state = run(block)
    narrow = [leaf.dtype for leaf in jax.tree.leaves((y, state)) if jnp.issubdtype(leaf.dtype, jnp.floating)]
    if y.dtype != jnp.float64 or jnp.float32 in narrow:
        print(type(block).__name__, y.dtype, narrow)
"""


def test_everything_runs_in_float64() -> None:
    """A float32 hidden in a block would narrow its output or its state, or be refused as a mixture."""
    code = EVERYTHING.format(tests=str(Path(__file__).parent))
    environment = {**os.environ, "JAX_ENABLE_X64": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr[-2_000:]
