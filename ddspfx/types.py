"""Shapes, named once and used in every signature."""

from typing import Any, TypeAlias

from jaxtyping import Array, Float, Int, Key

Audio: TypeAlias = Float[Array, "channels samples"]
Signal: TypeAlias = Float[Array, "*channels_or_1 samples"]
Mono: TypeAlias = Float[Array, " samples"]
Scalar: TypeAlias = Float[Array, ""]
Readable: TypeAlias = Float[Array, "..."]
"""What a slot reads as: broadcasts against (channels, samples)."""
Knots: TypeAlias = Float[Array, " knots"]
Counter: TypeAlias = Int[Array, "..."]
RandomKey: TypeAlias = Key[Array, ""]
State: TypeAlias = Any
"""A pytree of arrays that a block hands from one call to the next."""

__all__ = ["Audio", "Counter", "Knots", "Mono", "RandomKey", "Readable", "Scalar", "Signal", "State"]
