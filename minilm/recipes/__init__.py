"""Complete, named runs (``*.toml``) and how they are read and carried out.

`reading` turns TOML and ``--set`` into a `Recipe`; `pretrain` turns a recipe into a run.
"""

from minilm.recipes.reading import load, names, override, parse, to_toml
from minilm.recipes.recipe import DataConfig, Recipe, SampleConfig

__all__ = [
    "DataConfig",
    "Recipe",
    "SampleConfig",
    "load",
    "names",
    "override",
    "parse",
    "to_toml",
]
