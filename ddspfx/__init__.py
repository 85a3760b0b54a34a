"""Grey-box models of audio devices: differentiable signal processing, fitted to recordings with time itself.

Names are loaded when first used, so that `import ddspfx` and `ddspfx --help` cost almost nothing; the list
of public names, with the module each lives in, is `__init__.pyi` beside this file.
"""

import lazy_loader as _lazy

from ddspfx import _xla

_xla.configure()

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
__version__ = "0.1.0"
