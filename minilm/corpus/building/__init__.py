"""From a recipe and raw text to shards: the stages, restartable and spread over processes."""

from minilm.corpus.building.build import build
from minilm.corpus.building.config import load, names, parse
from minilm.corpus.building.reporting import read_report
from minilm.corpus.building.settings import BuildConfig
from minilm.corpus.building.site import Reporter, Silent

__all__ = [
    "BuildConfig",
    "Reporter",
    "Silent",
    "build",
    "load",
    "names",
    "parse",
    "read_report",
]
