from .hiss import Colour
from .recording import Bias, Material, RecordHead
from .replay import ReplayHead
from .tape import Simulated, TapeSimulator
from .transport import Transport

__all__ = ["Bias", "Colour", "Material", "RecordHead", "ReplayHead", "Simulated", "TapeSimulator", "Transport"]
