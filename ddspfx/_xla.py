"""What is set once on import: the XLA flag that makes sample-by-sample loops fast on the CPU, and calls in place."""

import os
import sys
import warnings

_OPTION = "xla_cpu_small_while_loop_byte_threshold"
_CARRIER = "--xla_backend_extra_options="


def merged(flags: str) -> str:
    """The user's own `XLA_FLAGS` with the loop option added, unless the user has set that option.

    `lax.scan` on the CPU runs 13 to 16 times faster with it (DESIGN.md, section 4). XLA takes one
    `--xla_backend_extra_options`, a list with commas, so the option joins the user's list.
    """
    if _OPTION in flags:
        return flags
    option = f"{_OPTION}=1000000000"
    words = flags.split()
    for place, word in enumerate(words):
        if word.startswith(_CARRIER):
            words[place] = f"{word},{option}"
            return " ".join(words)
    return " ".join([*words, _CARRIER + option])


def _already_initialised() -> bool:
    bridge = sys.modules.get("jax._src.xla_bridge")
    return bridge is not None and bool(bridge.backends_are_initialized())


def configure() -> None:
    """Sets the flag in the environment; warns when JAX has already read the environment without it."""
    flags = os.environ.get("XLA_FLAGS", "")
    wanted = merged(flags)
    if wanted == flags:
        return
    os.environ["XLA_FLAGS"] = wanted
    if _already_initialised():
        warnings.warn(
            "JAX was initialised before ddspfx was imported, so recurrent blocks will run many times slower "
            f"on the CPU: import ddspfx before the first JAX operation, or set XLA_FLAGS='{wanted}' yourself.",
            RuntimeWarning,
            stacklevel=3,
        )


def call_in_place() -> None:
    """Programs on the CPU run in the thread that calls them, unless the backend is up already.

    JAX hands all but the smallest to another thread and returns at once, which costs 11 microseconds a call: more
    than a chain of light blocks takes for 128 samples (`python -m benchmarks.streaming`).
    """
    import jax

    if not _already_initialised():
        jax.config.update("jax_cpu_enable_async_dispatch", False)
