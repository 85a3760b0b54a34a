"""Simulated devices with ground truth; loaded when first used, as listed in `__init__.pyi` beside this file."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
