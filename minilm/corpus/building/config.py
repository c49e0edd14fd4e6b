"""A corpus recipe: which text, what is done to it, and in which tokens it ends.

    name = "my-archive"

    [[source]]                       # any number of them; minilm.corpus.sources
    name = "letters"
    path = "letters/**/*.txt"

    [cleaning]                       # minilm.corpus.cleaning
    [filters]                        # minilm.corpus.filters
    [deduplication]
    [decontamination]
    [split]
    [tokenizer]
    [shards]

A table that is left out leaves its stage out, but for the last three, which have defaults.
Paths are relative to the folder of the recipe.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from minilm.corpus import embedded
from minilm.corpus.building.settings import (
    TOKENIZERS,
    BuildConfig,
    DecontaminationConfig,
    DeduplicationConfig,
    ShardsConfig,
    SplitConfig,
    TokenizerConfig,
)
from minilm.corpus.building.tables import read
from minilm.corpus.mixture import Share
from minilm.corpus.sources import SourceConfig
from minilm.corpus.sources import build as build_sources
from minilm.errors import MinilmError, did_you_mean

__all__ = ["load", "names", "parse"]

FOLDER = Path(__file__).parents[1] / "recipes"
_PARTS = (
    "name",
    "description",
    "seed",
    "source",
    "cleaning",
    "filters",
    "deduplication",
    "decontamination",
    "split",
    "tokenizer",
    "shards",
)


def names() -> list[str]:
    """The recipes that come with the library.

    Examples
    --------
    >>> names()
    ['python', 'python-docs']
    """
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load(path: str | os.PathLike[str]) -> BuildConfig:
    """The recipe in a ``.toml`` file, or one of `names`.

    Paths in it are taken from the file's folder.

    Raises
    ------
    MinilmError
        Naming the file, and the key at fault.
    """
    name, path = str(path), Path(path)
    if path.suffix != ".toml":
        if name not in names():
            raise MinilmError(
                f"no corpus recipe {name!r}{did_you_mean(name, names())}; or name a .toml file"
            )
        path = FOLDER / f"{name}.toml"
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise MinilmError(f"cannot read the corpus recipe {path}: {reason}") from None
    except UnicodeDecodeError as error:
        raise MinilmError(f"corpus recipe {path} is not UTF-8 text: {error}") from None
    except ValueError as error:  # a NUL in the path
        raise MinilmError(f"cannot read the corpus recipe {path}: {error}") from None
    try:
        found = parse(text, path.parent)
    except MinilmError as error:
        raise MinilmError(f"{path}: {error}") from None
    return found if found.name else replace(found, name=path.stem)


def parse(text: str, folder: Path = Path()) -> BuildConfig:
    """The recipe of this TOML text.

    Raises
    ------
    MinilmError
        If it is not TOML, or a key is unknown, of the wrong type or out of range.

    Examples
    --------
    >>> recipe = parse('[[source]]\\nname = "docs"\\nembedded = "python-docs"')
    >>> recipe.sources[0].embedded, recipe.tokenizer.name
    ('python-docs', 'bytes')
    """
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise MinilmError(f"not TOML: {error}") from None
    except RecursionError:
        raise MinilmError("nested too deeply") from None
    return build(tree, folder)


def build(tree: Mapping[str, Any], folder: Path = Path()) -> BuildConfig:
    """The recipe of a tree of tables, as `parse` finds it in TOML."""
    for key in tree:
        if key not in _PARTS:
            raise MinilmError(f"unknown key {key}{did_you_mean(key, _PARTS)}")
    heads = {key: tree[key] for key in ("name", "description", "seed") if key in tree}
    for key, value in heads.items():
        if type(value) is not (int if key == "seed" else str):
            kind = "whole number" if key == "seed" else "text"
            raise MinilmError(f"{key} = {value!r}: expected a {kind}")
    tables = tree.get("source", ())
    sources = tuple(_located(source, folder) for source in build_sources(tables))
    return BuildConfig(
        **heads,
        sources=sources,
        shares=_shares(sources, tables),
        cleaning=_table(tree, "cleaning"),
        filters=_table(tree, "filters"),
        deduplication=_optional(DeduplicationConfig, tree, "deduplication"),
        decontamination=_against(tree, folder),
        split=read(SplitConfig, tree.get("split", {}), "split"),
        tokenizer=_tokenizer(tree, folder),
        shards=read(ShardsConfig, tree.get("shards", {}), "shards"),
        tree=dict(tree),
    )


def _shares(
    sources: tuple[SourceConfig, ...], tables: tuple[Mapping[str, Any], ...]
) -> tuple[Share, ...]:
    """A weight counts only where it was written: 1.0 by default would ask for equal shares."""
    return tuple(
        Share(
            name=source.name,
            weight=source.weight if "weight" in table else None,
            epochs=source.epochs,
            max_bytes=source.max_bytes or None,
        )
        for source, table in zip(sources, tables, strict=True)
    )


def _located(source: SourceConfig, folder: Path) -> SourceConfig:
    return replace(source, path=str(folder / source.path)) if source.path else source


def _table(tree: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table = tree.get(name, {})
    if not isinstance(table, Mapping):
        raise MinilmError(f"{name} is a table: write [{name}]")
    return table


def _optional(kind: type[Any], tree: Mapping[str, Any], name: str) -> Any:
    return read(kind, tree[name], name) if name in tree else None


def _against(tree: Mapping[str, Any], folder: Path) -> DecontaminationConfig | None:
    found: DecontaminationConfig | None = _optional(DecontaminationConfig, tree, "decontamination")
    if found is None:
        return None
    named = embedded.NAMES
    paths = tuple(item if item in named else str(folder / item) for item in found.against)
    return replace(found, against=paths)


def _tokenizer(tree: Mapping[str, Any], folder: Path) -> TokenizerConfig:
    found = read(TokenizerConfig, tree.get("tokenizer", {}), "tokenizer")
    if found.name in TOKENIZERS:
        return found
    path = folder / found.name
    if not path.exists():
        near = did_you_mean(found.name, TOKENIZERS)
        raise MinilmError(f"tokenizer.name = {found.name!r}: no such file{near}")
    return replace(found, name=str(path))
