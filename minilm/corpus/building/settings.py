"""The tables of a corpus recipe, each a dataclass that checks itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from minilm.corpus.mixture import Share
from minilm.corpus.sources import SourceConfig
from minilm.errors import MinilmError, did_you_mean

__all__ = [
    "TOKENIZERS",
    "BuildConfig",
    "DecontaminationConfig",
    "DeduplicationConfig",
    "ShardsConfig",
    "SplitConfig",
    "TokenizerConfig",
]

TOKENIZERS = ("bytes", "chars", "bpe")


@dataclass(frozen=True)
class DeduplicationConfig:
    """``[deduplication]``; see `minilm.corpus.deduplication`.

    Attributes
    ----------
    exact, near : bool
        Which kinds of duplicates are dropped.
    keep : str
        "longest" of near-duplicates; or "all", which then never come to lie on both sides of
        the split.
    shingle, bands, rows : int
        Words of a shingle; bands, and hashes in each, of a signature.
    seed : int
        Of the hash functions.
    """

    exact: bool = True
    near: bool = True
    keep: str = "longest"
    shingle: int = 5
    bands: int = 14
    rows: int = 8
    seed: int = 0

    def __post_init__(self) -> None:
        choices = ("longest", "all")
        if self.keep not in choices:
            near = did_you_mean(self.keep, choices)
            raise MinilmError(f"deduplication.keep = {self.keep!r}{near}")
        for key in ("shingle", "bands", "rows"):
            if not 1 <= getattr(self, key) <= 1024:
                value = getattr(self, key)
                raise MinilmError(f"deduplication.{key} = {value}: must be from 1 to 1024")


@dataclass(frozen=True)
class DecontaminationConfig:
    """``[decontamination]``: drop documents that share words with texts kept for judging.

    Attributes
    ----------
    against : tuple of str
        Files, folders, patterns, or names of embedded corpora.
    n : int
        Words in a row that must be shared.
    """

    against: tuple[str, ...] = ()
    n: int = 13

    def __post_init__(self) -> None:
        if not self.against:
            raise MinilmError('decontamination.against is missing: against = ["held-out.txt"]')
        if self.n < 1:
            raise MinilmError(f"decontamination.n = {self.n}: must be above 0")


@dataclass(frozen=True)
class SplitConfig:
    """``[split]``.

    Attributes
    ----------
    validation : float
        Share of the documents that is held out.
    seed : int
    """

    validation: float = 0.01
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.validation < 1:
            raise MinilmError(f"split.validation = {self.validation}: must lie between 0 and 1")


@dataclass(frozen=True)
class TokenizerConfig:
    """``[tokenizer]``.

    Attributes
    ----------
    name : str
        "bytes"; "bpe", learned from the training side; "chars", from both; or the path of a
        tokenizer file or folder.
    vocab_size : int
        Of "bpe".
    pattern : str
        Of "bpe": "gpt2" or "cl100k".
    max_bytes : int
        "bpe" learns from at most so many bytes of text; 0: from all.
    """

    name: str = "bytes"
    vocab_size: int = 8192
    pattern: str = "gpt2"
    max_bytes: int = 0

    def __post_init__(self) -> None:
        if self.vocab_size < 1:
            raise MinilmError(f"tokenizer.vocab_size = {self.vocab_size}: must be above 0")
        if self.max_bytes < 0:
            raise MinilmError(f"tokenizer.max_bytes = {self.max_bytes}: must not be negative")


@dataclass(frozen=True)
class ShardsConfig:
    """``[shards]``.

    Attributes
    ----------
    max_tokens : int
        Of one shard; a longer document has a shard of its own.
    """

    max_tokens: int = 2**26

    def __post_init__(self) -> None:
        if self.max_tokens < 1:
            raise MinilmError(f"shards.max_tokens = {self.max_tokens}: must be above 0")


@dataclass(frozen=True)
class BuildConfig:
    """A corpus recipe, checked.

    Attributes
    ----------
    sources : tuple of SourceConfig
    shares : tuple of Share
        What the mixture takes of each source.
    cleaning, filters : mapping
        The tables, for `cleaning.build` and `filters.build`.
    deduplication, decontamination : config or None
    tree : mapping
        The recipe as it was written, for the record.
    """

    sources: tuple[SourceConfig, ...]
    shares: tuple[Share, ...]
    name: str = ""
    description: str = ""
    seed: int = 0
    cleaning: Mapping[str, Any] = field(default_factory=dict)
    filters: Mapping[str, Any] = field(default_factory=dict)
    deduplication: DeduplicationConfig | None = None
    decontamination: DecontaminationConfig | None = None
    split: SplitConfig = field(default_factory=SplitConfig)
    tokenizer: TokenizerConfig = field(default_factory=TokenizerConfig)
    shards: ShardsConfig = field(default_factory=ShardsConfig)
    tree: Mapping[str, Any] = field(default_factory=dict)
