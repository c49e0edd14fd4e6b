"""A recipe: everything that determines a run, as one tree of checked dataclasses."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from minilm.corpus.split import METHODS
from minilm.errors import MinilmError, did_you_mean
from minilm.models.config import GPTConfig
from minilm.models.model_config import ModelConfig
from minilm.objectives.config import NextTokenConfig, ObjectiveConfig
from minilm.optim.config import OptimizerConfig
from minilm.tokenizers import KINDS
from minilm.training.config import TrainingConfig

__all__ = ["DataConfig", "Recipe", "SampleConfig"]

CHOICES = {"tokenizer": (*KINDS, "imported", "shards"), "split": METHODS}


@dataclass(frozen=True)
class DataConfig:
    """Which text, and how it becomes tokens.

    Attributes
    ----------
    source : str
        An embedded corpus (``python-docs``); the path of a text file or folder; or a folder
        of shards (`minilm.corpus.shards`), which brings its own tokenizer and split.
        Empty: the recipe leaves it to whoever runs it (``--data``).
    tokenizer : str
        "bytes"; "chars" or "bpe", learned from the text; or a path with "/" or ".json", of
        what `minilm.tokenizers.load` reads. "shards": the one that made the shards; any
        other that is named with shards must be the same. "imported" in a run whose weights
        were imported: that of its ``tokenizer.json``.
    vocab_size : int
        Of the tokenizer "bpe", which learns its vocabulary from the training side.
    validation : float
        Share of the text that is held out. Shards have their own split.
    split : "document" or "position"
        Hold out whole documents, chosen by a hash of their name, or the end of the text.
    sha256 : str
        Digest of the documents, or of the shards. Empty in a recipe: whatever is there is
        taken, and the run's ``config.toml`` records it. Given: another text is refused.
    """

    source: str = "python-docs"
    tokenizer: str = "bytes"
    vocab_size: int = 1024
    validation: float = 0.1
    split: str = "document"
    sha256: str = ""

    def __post_init__(self) -> None:
        for key, choices in CHOICES.items():
            value = getattr(self, key)
            if value not in choices and not (key == "tokenizer" and self.tokenizer_is_path):
                raise MinilmError(f"data.{key} = {value!r}{did_you_mean(value, choices)}")
        if self.vocab_size < 1:
            raise MinilmError(f"data.vocab_size = {self.vocab_size}: must be above 0")
        if not 0 < self.validation < 1:
            raise MinilmError(f"data.validation = {self.validation}: must lie between 0 and 1")

    @property
    def tokenizer_is_path(self) -> bool:
        """Whether `tokenizer` names a file or folder."""
        return self.tokenizer.endswith(".json") or "/" in self.tokenizer or os.sep in self.tokenizer


@dataclass(frozen=True)
class SampleConfig:
    """The text that a finished run writes to show what it learned.

    Attributes
    ----------
    prompt : str
    max_tokens : int
    temperature : float
        Below 1 prefers likely tokens; 0 always takes the likeliest.
    """

    prompt: str = ""
    max_tokens: int = 300
    temperature: float = 0.8

    def __post_init__(self) -> None:
        if self.max_tokens < 0:
            raise MinilmError(f"sample.max_tokens = {self.max_tokens}: must not be negative")
        if not 0 <= self.temperature < float("inf"):
            raise MinilmError(f"sample.temperature = {self.temperature}: must be finite, 0 or more")


@dataclass(frozen=True)
class Recipe:
    """A complete, named run; each table of the TOML file is a field.

    Attributes
    ----------
    name : str
        For the report and the default run folder; a file that gives none goes by its own.
    description : str
        What the run is for, and what to expect of it.
    seed : int
        Of initial parameters, data order and dropout.
    objective : ObjectiveConfig
        The pretext task, by its name: one of `minilm.objectives.config.OBJECTIVES`; "none" in
        a run whose weights were imported.
    model : ModelConfig
        Of the architecture that it names.
    """

    name: str = ""
    description: str = ""
    seed: int = 1337
    data: DataConfig = field(default_factory=DataConfig)
    objective: ObjectiveConfig = field(default_factory=NextTokenConfig)
    model: ModelConfig = field(default_factory=GPTConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    sample: SampleConfig = field(default_factory=SampleConfig)

    def __post_init__(self) -> None:
        if not -(2**63) <= self.seed < 2**63:
            raise MinilmError(f"seed = {self.seed}: must fit 64 bits")
