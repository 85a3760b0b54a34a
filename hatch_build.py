"""Builds the native kernels when the package is built or installed; without a compiler it installs without them."""

import runpy
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class NativeKernels(BuildHookInterface):
    """Runs `ddspfx/signal/native/build.py`, and marks the wheel as made for this platform when it succeeds."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name != "wheel":
            return
        script = Path(self.root) / "ddspfx" / "signal" / "native" / "build.py"
        if runpy.run_path(str(script))["build_all"]():
            build_data["pure_python"] = False
            build_data["infer_tag"] = True
