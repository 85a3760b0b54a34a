"""What every test file stands on."""

import os
from collections.abc import Iterator

import pytest

# Nothing of the user's is read or written.
os.environ["DDSPFX_CACHE"] = "0"

# Imported before any test makes an array, so that XLA reads ddspfx's flag.
import ddspfx  # noqa: F401


@pytest.fixture(autouse=True, scope="module")
def _compiled_programs_go_with_their_file() -> Iterator[None]:
    """Hundreds of compiled programs exhaust the memory maps that a process may have."""
    import jax

    yield
    jax.clear_caches()
