"""From TOML and ``--set`` to a checked recipe, and back to TOML.

Keys are dotted paths into `Recipe` (``training.steps``); the last part alone is enough
where it is unique. In a ``[model]`` table, ``size`` names a configuration of
`minilm.models.sizes` that the other keys then modify. Two tables have keys that depend on
what they are of: ``[model]`` on its `architecture`, ``[objective]`` on its `name`.
"""

from __future__ import annotations

import dataclasses
import math
import tomllib
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

import tomli_w

from minilm.errors import MinilmError, did_you_mean
from minilm.models.architectures import CONFIGS
from minilm.models.sizes import named
from minilm.objectives.config import OBJECTIVES
from minilm.recipes.recipe import Recipe

__all__ = ["load", "names", "override", "parse", "to_toml"]

FOLDER = Path(__file__).parent
# Table -> the key that says what it is of, the kinds there are, the kind if it is left out.
_POLYMORPHIC: dict[str, tuple[str, dict[str, Any], str]] = {
    "model": ("architecture", CONFIGS, "gpt"),
    "objective": ("name", OBJECTIVES, "next_token"),
}
_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}


def names() -> list[str]:
    """The recipes that come with the library."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load(name_or_path: str) -> Recipe:
    """A recipe by name, or from a ``.toml`` file.

    Raises
    ------
    MinilmError
        Naming the file and the key at fault, with the nearest name there is.
    """
    path = Path(name_or_path)
    if path.suffix != ".toml":
        if name_or_path not in names():
            raise MinilmError(f"no recipe {name_or_path!r}{did_you_mean(name_or_path, names())}")
        path = FOLDER / f"{name_or_path}.toml"
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise MinilmError(f"cannot read recipe {path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise MinilmError(f"recipe {path} is not UTF-8 text: {error}") from None
    except ValueError as error:  # a NUL in the path
        raise MinilmError(f"cannot read recipe {path}: {error}") from None
    recipe = parse(text, str(path))
    return recipe if recipe.name else dataclasses.replace(recipe, name=path.stem)


def parse(text: str, where: str = "recipe") -> Recipe:
    """A recipe from TOML text; `where` begins the messages of errors."""
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise MinilmError(f"{where}: not TOML: {error}") from None
    except RecursionError:
        raise MinilmError(f"{where}: nested too deeply") from None
    try:
        return _build(Recipe, tree, "")
    except MinilmError as error:
        raise MinilmError(f"{where}: {error}") from None


def _build(kind: Any, tree: dict[str, Any], prefix: str) -> Any:
    """An instance of dataclass `kind` from a table, each key checked against its type."""
    types = _types(kind, tree)
    known = [*types, "size"] if prefix == "model." else list(types)
    values: dict[str, Any] = {}
    if prefix == "model." and "size" in tree:
        values = vars(named(_checked("model.size", tree["size"], str))).copy()
    for key, value in tree.items():
        if key not in known:
            raise MinilmError(f"unknown key {prefix}{key}{did_you_mean(key, known)}")
        if is_dataclass(types.get(key)):
            if not isinstance(value, dict):
                raise MinilmError(f"{prefix}{key} is a table: write [{prefix}{key}]")
            values[key] = _build(types[key], value, f"{prefix}{key}.")
        elif key in types:
            values[key] = _checked(prefix + key, value, types[key])
    return kind(**values)


def _types(kind: Any, tree: dict[str, Any]) -> dict[str, Any]:
    """The type of each key of a table; some tables are of the kind that they name."""
    hints = get_type_hints(kind)
    types = {field.name: hints[field.name] for field in fields(kind)}
    for key in types.keys() & _POLYMORPHIC.keys():
        says, kinds, default = _POLYMORPHIC[key]
        table = tree.get(key)
        name = table.get(says, default) if isinstance(table, dict) else default
        if not isinstance(name, str) or name not in kinds:
            raise MinilmError(f"{key}.{says} = {name!r}{did_you_mean(str(name), kinds)}")
        types[key] = kinds[name]
    return types


def _checked(key: str, value: Any, kind: Any) -> Any:
    if kind == tuple[float, ...]:
        if not isinstance(value, list | tuple):
            raise MinilmError(f"{key} = {value!r}: expected a list of numbers")
        return tuple(_checked(key, item, float) for item in value)
    if kind is float and type(value) is int:
        try:
            return float(value)
        except OverflowError:
            raise MinilmError(f"{key} = {value}: too large") from None
    if type(value) is not kind:
        raise MinilmError(f"{key} = {value!r}: expected {_WORDS[kind]}")
    if kind is int and not -(2**63) <= value < 2**63:
        raise MinilmError(f"{key} = {value}: must fit 64 bits")
    if kind is float and not math.isfinite(value):
        raise MinilmError(f"{key} = {value}: expected a finite number")
    return value


def override(recipe: Recipe, settings: Iterable[str]) -> Recipe:
    """The recipe with ``key=value`` settings applied, in order.

    Examples
    --------
    >>> recipe = override(Recipe(), ["steps=10", "model.n_embd=64", "optimizer.beta2=0.95"])
    >>> recipe.training.steps, recipe.model.n_embd, recipe.optimizer.beta2
    (10, 64, 0.95)

    Raises
    ------
    MinilmError
        Naming the key: unknown, ambiguous, of the wrong type, or out of range.
    """
    tree = _tree(recipe)
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals:
            raise MinilmError(f"--set {setting}: expected key=value")
        path, kind = _resolve(key.strip(), tree)
        table = tree
        for part in path[:-1]:
            table = table[part]
        if path == ["model", "size"]:
            tree["model"] = {"size": text.strip()}
            continue
        value = _from_text(".".join(path), text, kind)
        if _is_other_kind(path, table, value):
            table.clear()
        table[path[-1]] = value
    return _build(Recipe, tree, "")


def _is_other_kind(path: list[str], table: dict[str, Any], value: Any) -> bool:
    """Whether a setting makes its table one of another kind, with keys of its own."""
    says, _, default = _POLYMORPHIC.get(path[0], ("", {}, ""))
    return len(path) == 2 and path[1] == says and table.get(says, default) != value


def _tree(recipe: Recipe) -> dict[str, Any]:
    return dataclasses.asdict(recipe)


def _keys(
    kind: Any, tree: dict[str, Any], prefix: tuple[str, ...] = ()
) -> dict[tuple[str, ...], Any]:
    """Every leaf below a dataclass: path -> type."""
    types = _types(kind, tree)
    leaves: dict[tuple[str, ...], Any] = {}
    for field in fields(kind):
        path = (*prefix, field.name)
        if is_dataclass(types[field.name]):
            leaves |= _keys(types[field.name], tree.get(field.name, {}), path)
        else:
            leaves[path] = types[field.name]
    return leaves


def _resolve(key: str, tree: dict[str, Any]) -> tuple[list[str], Any]:
    leaves = _keys(Recipe, tree) | {("model", "size"): str}
    found = [path for path in leaves if ".".join(path) == key]
    found = found or [path for path in leaves if path[-1] == key]
    if not found:
        known = {".".join(path) for path in leaves} | {path[-1] for path in leaves}
        near = did_you_mean(key, known)
        if near.startswith("; choose"):
            near = "; minilm describe shows them all"
        raise MinilmError(f"--set {key}: unknown key{near}")
    if len(found) > 1:
        choices = " or ".join(".".join(path) for path in found)
        raise MinilmError(f"--set {key}: ambiguous; write {choices}")
    return list(found[0]), leaves[found[0]]


def _from_text(key: str, text: str, kind: Any) -> Any:
    """A value of the key's type from what stands after ``=``; a text may be a TOML string."""
    try:
        if kind is str:
            quoted = text[:1] in ('"', "'")
            return _checked(key, tomllib.loads(f"x = {text}")["x"] if quoted else text, str)
        if kind == tuple[float, ...]:
            return _checked(key, tomllib.loads(f"x = {text}")["x"], kind)
        if kind is bool:
            return {"true": True, "false": False}[text.strip().lower()]
        return _checked(key, kind(text), kind)
    except (ValueError, KeyError):
        raise MinilmError(f"--set {key}={text}: expected {_WORDS.get(kind, 'a list')}") from None


def to_toml(recipe: Recipe) -> str:
    """The recipe with every default written out; `parse` reads it back as it was.

    The one table left out is ``[model.rope_scaling]`` where nothing is scaled.
    """
    tree = _tree(recipe)
    if tree["model"].get("rope_scaling", {}).get("kind") == "none":
        del tree["model"]["rope_scaling"]
    return tomli_w.dumps(tree)
