from .catalogue import RECIPES
from .recipe import Recipe, Setting
from .tape import Tape
from .vinyl import Vinyl

__all__ = ["RECIPES", "Recipe", "Setting", "Tape", "Vinyl"]
