"""Settings from files: TOML, which every run writes to be repeated, and the parameter files of SoFiA 2."""

from tessellar.config.plain import plain
from tessellar.config.sofia import SofiaFile, read_sofia
from tessellar.config.toml import read_settings, settings_text

__all__ = ["SofiaFile", "plain", "read_settings", "read_sofia", "settings_text"]
