"""Settings: their definitions, how they are loaded, checked, shown and documented."""

from glancetui.config.load import Loaded, load

__all__ = ["Loaded", "load"]
