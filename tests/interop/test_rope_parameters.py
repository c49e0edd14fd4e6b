"""Rotary positions in foreign configurations: both forms, what one is short of, there and back."""

import math
from typing import Any

import pytest

from minilm.errors import MinilmError
from minilm.interop import fields, rope_parameters
from minilm.models.config import GPTConfig
from minilm.nn.rope_scaling import RopeScaling

OUTER = (fields.Field("max_position_embeddings", ""), *rope_parameters.FIELDS)


def _read(raw: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    values = fields.read({"max_position_embeddings": 40, **raw}, OUTER, "config.json")
    return rope_parameters.read(values, "config.json", **kwargs)


def _new(kind: str, **numbers: Any) -> dict[str, Any]:
    return {"rope_parameters": {"rope_theta": 500.0, "rope_type": kind, **numbers}}


def _old(kind: str, **numbers: Any) -> dict[str, Any]:
    return {"rope_theta": 500, "rope_scaling": {"type": kind, **numbers}}


LLAMA3 = {"factor": 8, "low_freq_factor": 1, "high_freq_factor": 4}
YARN = {"factor": 4.0, "original_max_position_embeddings": 10}
LONG = {"short_factor": [1, 2.5], "long_factor": [3.0, 4]}


def test_nothing_said() -> None:
    plain = {"rope_base": 10000.0, "rope_share": 1.0, "block_size": 40}
    assert _read({}) == plain
    assert _read({"rope_parameters": None, "rope_theta": None, "rope_scaling": None}) == plain
    assert _read(_new("default")) == plain | {"rope_base": 500.0}
    assert _read({"rope_theta": 500}) == plain | {"rope_base": 500.0}
    assert _read({"rope_scaling": {"factor": None}}) == plain
    assert _read({"max_position_embeddings": 1})["block_size"] == 1


@pytest.mark.parametrize(
    ("kind", "numbers", "scaling", "block_size"),
    [
        ("linear", {"factor": 4}, RopeScaling("linear", 4.0), 40),
        ("dynamic", {"factor": 2.6}, RopeScaling("dynamic", 2.6, 40), 104),
        ("llama3", LLAMA3, RopeScaling("llama3", 8.0, 40), 40),
        (
            "llama3",
            {**LLAMA3, "low_freq_factor": 2, "original_max_position_embeddings": 30},
            RopeScaling("llama3", 8.0, 30, low_frequency_factor=2.0),
            40,
        ),
        ("yarn", YARN, RopeScaling("yarn", 4.0, 10, 0.1 * math.log(4) + 1), 40),
        (
            "yarn",
            {**YARN, "factor": 5.0, "beta_fast": 16, "beta_slow": 2, "truncate": False},
            RopeScaling(
                "yarn", 5.0, 10, 0.1 * math.log(5) + 1, beta_fast=16.0, beta_slow=2.0,
                truncate=False,
            ),
            40,
        ),
        (
            "longrope",
            {**LONG, "original_max_position_embeddings": 10},
            RopeScaling(
                "longrope", 4.0, 10, math.sqrt(1 + math.log(4) / math.log(10)),
                short_factors=(1.0, 2.5), long_factors=(3.0, 4.0),
            ),
            40,
        ),
        (
            "longrope",
            LONG,
            RopeScaling(
                "longrope", 1.0, 40, short_factors=(1.0, 2.5), long_factors=(3.0, 4.0)
            ),
            40,
        ),
    ],
)  # fmt: skip
def test_both_forms(
    kind: str, numbers: dict[str, Any], scaling: RopeScaling, block_size: int
) -> None:
    for form in (_new, _old):
        found = _read(form(kind, **numbers))
        assert found == {
            "rope_base": 500.0,
            "rope_share": 1.0,
            "block_size": block_size,
            "rope_scaling": scaling,
        }


@pytest.mark.parametrize(
    ("kind", "numbers", "expected"),
    [
        ("linear", {"factor": 4.0, "attention_factor": 3.0}, 1.0),
        ("yarn", {**YARN, "attention_factor": 1.5, "mscale": 3.0, "mscale_all_dim": 2.0}, 1.5),
        ("yarn", {**YARN, "factor": 1.0}, 1.0),
        ("yarn", {**YARN, "factor": 0.5, "mscale": 3.0, "mscale_all_dim": 2.0}, 1.0),
        ("yarn", {**YARN, "mscale": 3.0}, 0.1 * math.log(4) + 1),
        ("yarn", {**YARN, "mscale_all_dim": 3.0}, 0.1 * math.log(4) + 1),
        (
            "yarn",
            {**YARN, "mscale": 3.0, "mscale_all_dim": 2.0},
            (0.3 * math.log(4) + 1) / (0.2 * math.log(4) + 1),
        ),
        ("yarn", {**YARN, "factor": None}, 0.1 * math.log(40 / 10) + 1),
        ("longrope", {**LONG, "attention_factor": 0.5}, 0.5),
        ("longrope", {**LONG, "factor": 9.0}, math.sqrt(1 + math.log(9) / math.log(40))),
        ("longrope", {**LONG, "factor": 0.9}, 1.0),
        ("longrope", {**LONG, "factor": 1.5}, math.sqrt(1 + math.log(1.5) / math.log(40))),
        ("longrope", {**LONG, "original_max_position_embeddings": 1}, 1.0),
        (
            "longrope",
            {**LONG, "original_max_position_embeddings": 2},
            math.sqrt(1 + math.log(20) / math.log(2)),
        ),
        ("yarn", {**YARN, "factor": 1.5}, 0.1 * math.log(1.5) + 1),
    ],
)
def test_attention_factor(kind: str, numbers: dict[str, Any], expected: float) -> None:
    found = _read(_new(kind, **numbers))["rope_scaling"].attention_factor
    assert found == pytest.approx(expected, rel=1e-15)


def test_which_counts() -> None:
    """The object before the field beside it, rope_scaling before rope_parameters, and an
    original context outside before one inside: as in transformers."""
    assert _read({"rope_theta": 7, **_new("default")})["rope_base"] == 500.0
    assert _read({"rope_theta": 7})["rope_base"] == 7.0
    assert _read({"rope_theta": 7}, base=9.0)["rope_base"] == 9.0
    assert _read(_new("default"), base=9.0)["rope_base"] == 500.0
    both = {**_new("linear", factor=2.0), "rope_scaling": {"type": "linear", "factor": 3.0}}
    assert _read(both)["rope_scaling"].factor == 3.0
    assert _read(both)["rope_base"] == 10000.0
    outside = {**_new("yarn", **YARN), "original_max_position_embeddings": 20}
    assert _read(outside)["rope_scaling"].original_context == 20
    named_twice = _old("linear", factor=2.0)
    named_twice["rope_scaling"]["rope_type"] = "dynamic"
    assert _read(named_twice)["rope_scaling"].kind == "dynamic"


def test_shares() -> None:
    partial = _new("default", partial_rotary_factor=0.5)
    assert _read(partial, share=0.25)["rope_share"] == 0.5
    assert _read({}, share=0.25)["rope_share"] == 0.25
    assert _read(_new("default", partial_rotary_factor=1.0))["rope_share"] == 1.0
    with pytest.raises(MinilmError, match=r"partial_rotary_factor = 0\.5 is not supported"):
        _read(partial)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (_new("yran", **YARN), "rope_type = 'yran' is not supported; did you mean 'yarn'"),
        (_new("none"), "rope_type = 'none' is not supported"),
        (_old("mrope", mrope_section=[1, 2]), "mrope_section = .* is not supported"),
        (_new("linear"), "factor is missing, which linear needs"),
        (_new("dynamic", factor=None), "factor is missing, which dynamic needs"),
        (_new("llama3", factor=8.0, high_freq_factor=4.0), "low_freq_factor is missing"),
        (_new("llama3", factor=8.0, low_freq_factor=1.0), "high_freq_factor is missing"),
        (_new("longrope", long_factor=[1.0]), "short_factor is missing"),
        (_new("longrope", short_factor=[1.0]), "long_factor is missing"),
        (_new("longrope", short_factor=["1"], long_factor=[1.0]), "short_factor: expected a list"),
        (_new("longrope", short_factor=[1], long_factor=[True]), "long_factor: expected a list"),
        (_new("longrope", short_factor=1.0, long_factor=[1.0]), "short_factor = 1.0: expected a l"),
        (_new("linear", factor="2"), "rope_parameters: factor = '2': expected a number"),
        (_new("linear", factor=0), r"rope_scaling.factor = 0\.0"),
        (_new("linear", factor=-1.0), r"rope_scaling.factor = -1\.0"),
        (_new("yarn", **YARN, attention_factor=0), "attention_factor = 0.0"),
        (_new("yarn", **YARN, mscale=-1), "mscale = -1.0: negative"),
        (_new("yarn", **YARN, mscale_all_dim=-1), "mscale_all_dim = -1.0: negative"),
        (_new("yarn", factor=2.0, original_max_position_embeddings=-3), "original_context = -3"),
        ({"max_position_embeddings": 0, **_new("yarn")}, "max_position_embeddings = 0"),
        ({"rope_parameters": [1]}, "rope_parameters = .*: expected an object"),
        ({"rope_theta": "big"}, "rope_theta = 'big': expected a number"),
        (_new("default", chance=1), "chance = 1 is not supported"),
    ],
)
def test_refused(raw: dict[str, Any], message: str) -> None:
    with pytest.raises(MinilmError, match=message):
        _read(raw)


SCALINGS = {
    "none": RopeScaling(),
    "linear": RopeScaling("linear", 4.0),
    "dynamic": RopeScaling("dynamic", 2.0, 64),
    "llama3": RopeScaling("llama3", 8.0, 50, low_frequency_factor=2.0, high_frequency_factor=5.0),
    "yarn": RopeScaling(
        "yarn", 4.0, 20, 1.7, beta_fast=16.0, beta_slow=2.0, truncate=False
    ),
    "longrope": RopeScaling(
        "longrope", 3.0, 20, 1.1, short_factors=(1.0, 2.0), long_factors=(3.0, 4.0)
    ),
}  # fmt: skip


@pytest.mark.parametrize("share", [1.0, 0.5])
@pytest.mark.parametrize("kind", SCALINGS)
def test_there_and_back(kind: str, share: float) -> None:
    config = GPTConfig(
        block_size=128,
        n_head=1,
        n_embd=4 if share == 1 else 8,
        position="rope",
        rope_base=77.0,
        rope_share=share,
        rope_scaling=SCALINGS[kind],
    )
    written = rope_parameters.write(config)
    assert written["max_position_embeddings"] == (64 if kind == "dynamic" else 128)
    assert ("partial_rotary_factor" in written["rope_parameters"]) == (share != 1)
    found = _read(written, share=None if share == 1 else 1.0)
    assert config.changed(**found) == config
