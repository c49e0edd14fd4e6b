"""Folders written by hand: read as they were written, and every fault that they can have."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minilm import machine
from minilm.errors import MinilmError
from minilm.interop import fields, folder
from minilm.interop.families import FAMILIES
from minilm.models.architectures import build
from minilm.models.model import Model
from minilm.storage.tensor_write import write
from tests.interop.cases import SMALL


class Folder:
    """A folder of one family, to be spoilt."""

    def __init__(self, path: Path, name: str, **raw: Any) -> None:
        self.path = path
        self.family = FAMILIES[name]
        self.raw = {**SMALL[name], "model_type": name, **raw}
        heads = (f"{self.family.prefix}pooler.dense.weight",)
        heads += ("cls.predictions.transform.dense.weight", "lm_head.dense.weight")
        values = fields.read(self.raw, self.family.fields, folder.CONFIG)
        self.model: Model = build(self.family.config(values, heads), dtype=np.float64)
        rng = np.random.default_rng(6)
        self.tensors: dict[str, np.ndarray] = {}
        for parameter in self.model.parameters:
            parameter.value[...] = rng.normal(size=parameter.shape).astype(np.float32)
        for piece in self.family.pieces(self.model.config):
            self.tensors[piece.tensor] = piece.get(self.model.parameters[piece.parameter].value)

    def rename(self, change: Callable[[str], str]) -> None:
        self.tensors = {change(name): tensor for name, tensor in self.tensors.items()}

    def read(self, **kwargs: Any) -> folder.Imported:
        write(self.path / "model.safetensors", self.tensors)
        (self.path / "config.json").write_text(json.dumps(self.raw), "utf-8")
        return folder.read(self.path, **{"dtype": np.float64, **kwargs})

    def assert_read(self, **kwargs: Any) -> folder.Imported:
        """What is read is what was written."""
        found = self.read(**kwargs)
        assert found.model.config == self.model.config
        for parameter in self.model.parameters:
            value = found.model.parameters[parameter.name].value
            np.testing.assert_array_equal(value, parameter.value, err_msg=parameter.name)
        return found

    def assert_refused(self, *messages: str, **kwargs: Any) -> None:
        with pytest.raises(MinilmError) as caught:
            self.read(**kwargs)
        for message in (str(self.path), *messages):
            assert message in str(caught.value)


@pytest.fixture(params=FAMILIES)
def whole(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    return Folder(tmp_path, request.param)


@pytest.fixture
def gpt2(tmp_path: Path) -> Folder:
    return Folder(tmp_path, "gpt2")


def test_read(whole: Folder) -> None:
    found = whole.assert_read()
    assert found.family is whole.family
    assert found.notes == []
    whole.tensors = {name: tensor.astype(np.float32) for name, tensor in whole.tensors.items()}
    assert whole.assert_read().notes == []
    assert whole.assert_read(dtype=np.float32).notes == []


def test_without_the_prefix(whole: Folder) -> None:
    whole.rename(lambda name: name.removeprefix(whole.family.prefix))
    assert whole.assert_read().notes == []


def test_each_missing_tensor_is_named(whole: Folder) -> None:
    # The tensors of a head that is absent as a whole are no fault.
    heads = ("pooler.dense.weight", "transform.dense.weight", "lm_head.dense.weight")
    for name in [name for name in whole.tensors if not name.endswith(heads)]:
        tensor = whole.tensors.pop(name)
        whole.assert_refused(f"the tensor {name} is missing, which config.json implies")
        whole.tensors[name] = tensor


def test_each_misshapen_tensor_is_named(whole: Folder) -> None:
    for name, tensor in list(whole.tensors.items()):
        wrong = np.zeros((*tensor.shape[:-1], tensor.shape[-1] + 1))
        for bad in (wrong, tensor[:-1], tensor[None]):
            whole.tensors[name] = bad
            whole.assert_refused(f"{name} has the shape {bad.shape}, but", f"{tensor.shape}")
        whole.tensors[name] = tensor


def test_surplus_tensors_are_named(whole: Folder) -> None:
    for name in ("new.weight", f"{whole.family.prefix}new.weight"):
        whole.tensors[name] = np.zeros(3)
        whole.assert_refused(f"the tensor {name} is none that {whole.family.model_type}")
        del whole.tensors[name]


def test_a_layer_too_many(whole: Folder) -> None:
    layers = "n_layer" if "n_layer" in whole.raw else "num_hidden_layers"
    whole.raw[layers] = 3
    whole.assert_refused("is missing, which config.json implies")
    whole.raw[layers] = 2**31 - 1
    whole.assert_refused("2147483647 layers, but the folder has")


def test_absurd_sizes_end_before_they_cost_memory(tmp_path: Path) -> None:
    neox = Folder(tmp_path, "gpt_neox")
    neox.raw |= {"hidden_size": 2**30, "num_attention_heads": 2**27}
    neox.assert_refused("embed_in.weight has the shape (29, 24), but", "(29, 1073741824)")


def test_what_cannot_fit(gpt2: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    needed = 8 * gpt2.model.config.n_parameters()
    monkeypatch.setattr(machine, "available_bytes", lambda: needed)
    gpt2.assert_read()
    monkeypatch.setattr(machine, "available_bytes", lambda: needed - 1)
    with pytest.raises(
        MinilmError, match=r"the model has \d+,\d\d\d parameters and needs 0\.0 GiB"
    ):
        gpt2.read()


@pytest.mark.parametrize(
    ("model_type", "message"),
    [
        ("gtp2", "model_type = 'gtp2' is not supported; did you mean 'gpt2'"),
        ("mamba", "model_type = 'mamba' is not supported"),
        (None, "model_type = None is not supported"),
        (3, "model_type = 3 is not supported"),
        (["gpt2"], "model_type = ['gpt2'] is not supported"),
    ],
)
def test_model_type(gpt2: Folder, model_type: object, message: str) -> None:
    gpt2.raw["model_type"] = model_type
    gpt2.assert_refused(message, "config.json")


def test_architectures(whole: Folder) -> None:
    for name in whole.family.architectures:
        whole.raw["architectures"] = [name]
        whole.assert_read()
    whole.raw["architectures"] = ["OtherForSequenceClassification"]
    whole.assert_refused(
        "architectures = 'OtherForSequenceClassification' is not supported",
        whole.family.architectures[0],
    )


def test_fields_that_are_not_supported(gpt2: Folder) -> None:
    gpt2.raw["logit_scale"] = 0.5
    gpt2.assert_refused("logit_scale = 0.5 is not supported", "--ignore logit_scale")
    gpt2.assert_read(ignore=["logit_scale"])
    gpt2.raw["scale_attn_weights"] = False
    gpt2.assert_refused("scale_attn_weights = False is not supported", ignore=["logit_scale"])
    gpt2.assert_read(ignore=["logit_scale", "scale_attn_weights"])


def test_fields_inside_an_object_are_ignored_too(tmp_path: Path) -> None:
    llama = Folder(tmp_path, "llama", rope_scaling={"type": "linear", "factor": 2.0})
    llama.raw["rope_scaling"]["mrope_section"] = [1, 2]
    llama.assert_refused("mrope_section = [1, 2] is not supported", "--ignore mrope_section")
    llama.assert_read(ignore=["mrope_section"])


def test_no_configuration(gpt2: Folder) -> None:
    gpt2.read()
    (gpt2.path / "config.json").unlink()
    with pytest.raises(MinilmError, match=r"no file .*config\.json"):
        folder.read(gpt2.path)


@pytest.mark.parametrize("name", ["bert", "roberta"])
def test_gamma_and_beta(name: str, tmp_path: Path) -> None:
    old = Folder(tmp_path, name)
    spelt = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
    for new, ancient in spelt.items():
        old.rename(lambda n, new=new, ancient=ancient: n.replace(new, ancient))
    assert sum(".gamma" in n for n in old.tensors) >= 3
    old.assert_read()
    old.rename(lambda n: n.removeprefix(old.family.prefix))
    old.assert_read()
    old.tensors["embeddings.LayerNorm.weight"] = np.ones(24)
    old.assert_refused("embeddings.LayerNorm.", "two names of the same tensor")


def test_heads_show_in_the_tensors(tmp_path: Path) -> None:
    for name, head in (("bert", "cls."), ("roberta", "lm_head.")):
        encoder = Folder(tmp_path, name)
        encoder.tensors = {k: v for k, v in encoder.tensors.items() if not k.startswith(head)}
        config = encoder.read().model.config
        assert (config.masked_head, config.pooler) == (False, True)
        encoder.tensors = {k: v for k, v in encoder.tensors.items() if ".pooler." not in k}
        assert not encoder.read().model.config.pooler


def test_tables_and_parts_that_are_not_taken_over(tmp_path: Path) -> None:
    surplus = {
        "gpt2": ["transformer.h.0.attn.bias", "transformer.h.0.attn.masked_bias"],
        "llama": ["model.layers.0.self_attn.rotary_emb.inv_freq"],
        "gpt_neox": [
            "gpt_neox.layers.0.attention.bias",
            "gpt_neox.layers.0.attention.masked_bias",
            "gpt_neox.layers.0.attention.rotary_emb.inv_freq",
        ],
        "bert": ["bert.embeddings.position_ids"],
        "roberta": ["roberta.embeddings.position_ids"],
    }
    for name, tensors in surplus.items():
        copy = Folder(tmp_path, name)
        copy.tensors |= {tensor: np.arange(3) for tensor in tensors}
        assert copy.assert_read().notes == []
    for name, tensor in (
        ("bert", "cls.seq_relationship.weight"),
        ("gpt2", "multiple_choice_head.summary.weight"),
    ):
        part = Folder(tmp_path, name)
        for last, more in ((".weight", ""), (".bias", " and 1 more"), (".x", " and 2 more")):
            part.tensors[tensor.replace(".weight", last)] = np.zeros((2, 24))
            (note,) = part.assert_read().notes
            assert note == f"left out, since nothing here corresponds: {tensor}{more}"


def _tied(name: str, path: Path) -> Folder:
    return Folder(path, name, tie_word_embeddings=True)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_second_name_of_a_tied_tensor(name: str, tmp_path: Path) -> None:
    for copy, source in FAMILIES[name].tied.items():
        tied = _tied(name, tmp_path)
        tied.tensors[copy] = tied.tensors[source].copy()
        assert tied.assert_read().notes == []
        for tensor in (tied.tensors[copy], tied.tensors[source]):
            tensor[0] = np.nan
        assert len(tied.read().notes) == 2
        for tensor in (tied.tensors[copy], tied.tensors[source]):
            tensor[0] = 7.0
        # A file may hold it under the second name alone.
        del tied.tensors[source]
        assert tied.assert_read().notes == []
        tied.tensors[source] = tied.tensors[copy].copy()
        tied.tensors[copy][-1] += 1
        tied.assert_refused(f"{copy} is not equal to {source}", "tie_word_embeddings")
        tied.tensors[copy] = tied.tensors[source][:-1]
        tied.assert_refused(f"{copy} is not equal to {source}")


@pytest.mark.parametrize("name", ["gpt2", "llama", "qwen2", "qwen3", "gpt_neox"])
def test_untied(name: str, tmp_path: Path) -> None:
    untied = Folder(tmp_path, name, tie_word_embeddings=False)
    (head,) = untied.family.tied
    assert untied.tensors[head].shape == untied.tensors[untied.family.tied[head]].shape
    untied.assert_read()


def test_what_a_careful_reader_wants_to_know(gpt2: Folder) -> None:
    gpt2.tensors["transformer.ln_f.bias"] = np.array([np.nan, np.inf, 0.1, *np.zeros(21)])
    assert gpt2.read().notes == ["transformer.ln_f.bias holds 2 numbers that are NaN or infinite"]
    notes = gpt2.read(dtype=np.float32).notes
    assert notes == [
        "transformer.ln_f.bias: 1 entries were rounded to the model's precision",
        "transformer.ln_f.bias holds 2 numbers that are NaN or infinite",
    ]
    gpt2.tensors["transformer.ln_f.bias"] = np.zeros(24, np.int32)
    gpt2.assert_refused("transformer.ln_f.bias is I32")
