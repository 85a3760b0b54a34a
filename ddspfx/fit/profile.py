"""Where the time of a run goes, as a person waits for it."""

import contextlib
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

PHASES = ("import", "align", "compile", "data", "forward", "backward", "optimiser", "validation", "report", "rest")
"""Rows of the table. `align` also tracks, `validation` also solves taps and refines the delay, `report` also scores."""
COMPILING = (
    "/jax/core/compile/jaxpr_trace_duration",
    "/jax/core/compile/jaxpr_to_mlir_module_duration",
    "/jax/core/compile/backend_compile_duration",
)
STEPS = "steps"
"""Training steps, before they are shared out over forward, backward and optimiser."""

_open: ContextVar["Profile | None"] = ContextVar("ddspfx_profile", default=None)


class Profile:
    """Seconds by phase: each moment of the main thread counts once, for the innermost phase that is open.

    Tracing, lowering and compiling, or loading a compiled program, count as `compile` wherever they happen. What
    other threads compile meanwhile is `behind`, and in nobody's way. A training step is one compiled program, so
    forward, backward and optimiser cannot be seen in it: `share_out` splits the steps' time as `parts` took it.
    """

    def __init__(self, began: float | None = None):
        self._last = time.perf_counter() if began is None else began
        self.seconds: dict[str, float] = defaultdict(float)
        self.behind = 0.0
        self.parts: list[dict[str, float]] = []
        self._stack = ["rest" if began is None else "import"]
        self._thread, self._aside = threading.get_ident(), False

    def _charge(self) -> None:
        now = time.perf_counter()
        self.seconds[self._stack[-1]] += now - self._last
        self._last = now

    @contextlib.contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """What happens meanwhile counts for `name`; in other threads nothing does."""
        if threading.get_ident() != self._thread:
            yield
            return
        self._charge()
        self._stack.append(name)
        try:
            yield
        finally:
            self._charge()
            self._stack.pop()

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """What happens meanwhile does not count: it is the profile's own."""
        self._charge()
        self._aside = True
        try:
            yield
        finally:
            self._aside = False
            self._last = time.perf_counter()

    def heard(self, event: str, duration_secs: float, **_: str | int) -> None:
        """A listener for `jax.monitoring`."""
        if event not in COMPILING or self._aside:
            return
        if threading.get_ident() != self._thread:
            self.behind += duration_secs
            return
        self.seconds["compile"] += duration_secs
        self.seconds[self._stack[-1]] -= duration_secs

    def share_out(self, parts: dict[str, float]) -> None:
        """The time of the steps so far, over the parts of one."""
        spent, whole = self.seconds.pop(STEPS, 0.0), sum(parts.values())
        for name, part in parts.items():
            self.seconds[name] += spent * part / whole
        self.parts.append(parts)

    def figures(self) -> dict[str, Any]:
        """All of it, as numbers: seconds by phase and in all, seconds behind, and the parts of a step of each model."""
        self._charge()
        phases = {name: max(self.seconds.get(name, 0.0), 0.0) for name in PHASES}
        phases["rest"] += self.seconds.get(STEPS, 0.0)
        return {"seconds": phases, "total": sum(phases.values()), "compiled_behind": self.behind, "steps": self.parts}

    @contextlib.contextmanager
    def listening(self) -> Iterator["Profile"]:
        """Open for `phase` and for what JAX tells."""
        from jax import monitoring

        self._charge()
        self._stack[0] = "rest"
        token = _open.set(self)
        monitoring.register_event_duration_secs_listener(self.heard)
        try:
            yield self
        finally:
            monitoring.unregister_event_duration_listener(self.heard)
            _open.reset(token)


def opened() -> Profile | None:
    """The profile that is open here, if one is."""
    return _open.get()


@contextlib.contextmanager
def phase(name: str) -> Iterator[None]:
    """What happens meanwhile counts for `name` in the profile that is open, if one is."""
    profile = _open.get()
    with contextlib.nullcontext() if profile is None else profile.phase(name):
        yield
