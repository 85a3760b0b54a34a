"""What every test file stands on."""

from collections.abc import Iterator

import pytest

# Imported before any test makes an array, so that XLA reads ddspfx's flag.
import ddspfx  # noqa: F401


@pytest.fixture(autouse=True, scope="module")
def _compiled_programs_go_with_their_file() -> Iterator[None]:
    """Hundreds of compiled programs exhaust the memory maps that a process may have."""
    import jax

    yield
    jax.clear_caches()
