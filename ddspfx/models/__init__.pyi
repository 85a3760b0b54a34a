from .catalogue import RECIPES
from .recipe import Recipe, Setting
from .tape import Tape

__all__ = ["RECIPES", "Recipe", "Setting", "Tape"]
