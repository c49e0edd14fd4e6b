"""From folder to run and back: every family, the same bits, whole or nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import minilm
from minilm.errors import MinilmError
from minilm.interop import export_run, exporting, import_folder, read
from minilm.interop.families import FAMILIES
from minilm.models.architectures import build
from minilm.models.bert_config import BERTConfig
from minilm.models.config import GPTConfig
from minilm.models.sizes import SIZES
from minilm.nn.rope_scaling import RopeScaling
from minilm.recipes.loading import load_parts
from minilm.storage.tensor_file import TensorFile
from minilm.storage.tensor_write import write
from minilm.tokenizers.byte import BytesTokenizer

SMALL = {"vocab_size": 260, "block_size": 16, "n_layer": 2, "n_head": 4, "n_embd": 24}
LLAMA = {"position": "rope", "norm": "rms_norm", "activation": "swiglu", "tied_head": False}
CONFIGS = {
    "gpt2": GPTConfig(**SMALL),
    "gpt2 untied": GPTConfig(**SMALL, tied_head=False, activation="gelu_exact", n_hidden=20),
    "llama": GPTConfig(**SMALL, **LLAMA, bias=False, n_kv_head=2, head_dim=8),
    "llama attention_bias": GPTConfig(**SMALL, **LLAMA, bias=False, attention_bias="all"),
    "llama mlp_bias": GPTConfig(**SMALL, **LLAMA, bias=True, attention_bias="none"),
    "llama yarn": GPTConfig(
        **SMALL,
        **LLAMA,
        bias=False,
        rope_scaling=RopeScaling("yarn", 2.0, original_context=8, attention_factor=1.1),
    ),
    "llama longrope": GPTConfig(
        **SMALL,
        **LLAMA,
        bias=False,
        rope_scaling=RopeScaling(
            "longrope", 2.0, 8, 1.2, short_factors=(1.0, 2.0, 3.0), long_factors=(2.0, 4.0, 5.0)
        ),
    ),
    "qwen2": GPTConfig(**SMALL, **LLAMA, bias=False, attention_bias="qkv", n_kv_head=1),
    "qwen3": GPTConfig(**SMALL, **LLAMA, bias=False, qk_norm=True, head_dim=8),
    "gpt_neox": GPTConfig(**SMALL, position="rope", block="parallel", tied_head=False),
    "gpt_neox sequential": GPTConfig(
        **SMALL, position="rope", rope_share=0.67, attention_bias="none", activation="squared_relu"
    ),
    "bert": BERTConfig(**SMALL, pooler=True),
    "bert features": BERTConfig(**SMALL, masked_head=False, pooler=True, activation="gelu"),
    "roberta": BERTConfig(**SMALL, padding_id=1, n_token_type=1),
}


def noisy(config, seed=0):
    """A model of the configuration, away from its initial point."""
    model = build(config, seed=seed)
    rng = np.random.default_rng(seed)
    for p in model.parameters:
        p.value[...] += rng.normal(0, 0.1, p.shape)
    return model


def folder_of(config, path: Path, tokenizer=None) -> Path:
    """A Hugging Face folder with random weights."""
    path.mkdir()
    exporting.write(noisy(config), exporting.family_of(config), path)
    if tokenizer:
        exporting.tokenizer_files.write(tokenizer, path, config.block_size)
    return path


def resolved(config):
    """The configuration with what it leaves to be worked out written out."""
    values = {"n_hidden": config.hidden_size}
    if isinstance(config, GPTConfig):
        values |= {"n_kv_head": config.kv_heads, "head_dim": 0}
        bias = {(True, True): "all", (True, False): "qkv"}
        values["attention_bias"] = bias.get((config.qkv_bias, config.projection_bias), "none")
        values["rope_base"] = 10000.0
    return config.changed(**values)


@pytest.mark.parametrize("name", CONFIGS)
def test_round_trip_of_every_family(name: str, tmp_path: Path) -> None:
    config = CONFIGS[name]
    source = folder_of(config, tmp_path / "source", BytesTokenizer())
    done = import_folder(source, tmp_path / "run")
    assert done.family == name.split()[0]
    head_dim = {"head_dim": 0} if isinstance(config, GPTConfig) else {}
    assert resolved(done.config.changed(**head_dim)) == resolved(config)

    parts = load_parts(tmp_path / "run")
    for parameter, original in zip(parts.model.parameters, noisy(config).parameters, strict=True):
        np.testing.assert_array_equal(parameter.value, original.value, parameter.name)

    export_run(tmp_path / "run", tmp_path / "again")
    for file in ("model.safetensors", "tokenizer.json", "tokenizer_config.json"):
        assert (source / file).read_bytes() == (tmp_path / "again" / file).read_bytes()
    first, second = (
        json.loads((folder / "config.json").read_text()) for folder in (source, tmp_path / "again")
    )
    first |= {key: second[key] for key in ("bos_token_id", "eos_token_id")}
    assert first == second


def test_an_imported_run_samples_and_is_not_resumed(tmp_path: Path) -> None:
    folder_of(CONFIGS["llama"], tmp_path / "source", BytesTokenizer())
    import_folder(tmp_path / "source", tmp_path / "run")
    text = minilm.load(tmp_path / "run").generate("abc", max_tokens=5, seed=1)
    assert len(text.encode()) >= 1
    with pytest.raises(MinilmError, match="was imported, not trained here"):
        minilm.resume(tmp_path / "run")
    assert read(tmp_path / "source", dtype=np.float64).model.parameters.values.dtype == np.float64


def test_an_encoder_is_loaded_as_one(tmp_path: Path) -> None:
    folder_of(CONFIGS["bert"], tmp_path / "source", BytesTokenizer())
    import_folder(tmp_path / "source", tmp_path / "run")
    with pytest.raises(MinilmError, match="encoder"):
        minilm.load(tmp_path / "run")
    vectors = minilm.load_encoder(tmp_path / "run").embed(["a text", "", "longer " * 20])
    assert vectors.shape == (3, 24)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), [1, 0, 1], rtol=1e-5)


def test_without_a_tokenizer(tmp_path: Path) -> None:
    folder_of(CONFIGS["gpt2"], tmp_path / "source")
    done = import_folder(tmp_path / "source", tmp_path / "run")
    assert done.tokenizer == ""
    assert "no tokenizer was found" in done.notes[-1]
    with pytest.raises(MinilmError, match="imported without one"):
        minilm.load(tmp_path / "run")
    assert not export_run(tmp_path / "run", tmp_path / "again").tokenizer


def test_a_tokenizer_that_is_too_large(tmp_path: Path) -> None:
    config = GPTConfig(**SMALL | {"vocab_size": 200})
    folder_of(config, tmp_path / "source", BytesTokenizer())
    with pytest.raises(MinilmError, match="do not belong together"):
        import_folder(tmp_path / "source", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_numbers_that_are_not_finite_are_reported(tmp_path: Path) -> None:
    source = folder_of(CONFIGS["gpt2"], tmp_path / "source")
    file = TensorFile(source / "model.safetensors")
    tensors = {}
    for name in file.names:
        tensors[name] = np.empty(file.shape(name), np.float32)
        file.read(name, tensors[name])
    tensors["transformer.h.1.mlp.c_fc.weight"][3, 4:6] = np.nan, np.inf
    write(source / "model.safetensors", tensors)
    notes = import_folder(source, tmp_path / "run").notes
    assert notes[0] == "transformer.h.1.mlp.c_fc.weight holds 2 numbers that are NaN or infinite"


def test_nothing_is_left_of_what_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = folder_of(CONFIGS["gpt2"], tmp_path / "source", BytesTokenizer())

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("minilm.training.checkpoint._flush", full)
        with pytest.raises(MinilmError, match="No space left"):
            import_folder(source, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    import_folder(source, tmp_path / "run")
    with monkeypatch.context() as patch:
        patch.setattr("minilm.interop.tokenizer_files.write", full)
        with pytest.raises(MinilmError, match="No space left"):
            export_run(tmp_path / "run", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(MinilmError, match="holds a run already"):
        import_folder(source, tmp_path / "run")
    with pytest.raises(MinilmError, match="exists already"):
        export_run(tmp_path / "run", source)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"qk_norm": True}, "gpt2: qk_norm = True"),
        ({"norm": "rms_norm"}, "gpt2: norm = rms_norm"),
        ({"bias": False}, "gpt2: bias = False"),
        ({"n_kv_head": 2}, "gpt2: grouped = True"),
    ],
)
def test_what_no_family_can_express(changes: dict, reason: str) -> None:
    with pytest.raises(MinilmError, match="no family of checkpoints") as raised:
        exporting.family_of(CONFIGS["gpt2"].changed(**changes))
    assert reason in str(raised.value)


def test_a_family_by_name() -> None:
    config = CONFIGS["llama"].changed(n_kv_head=4)
    assert exporting.family_of(config, "llama").model_type == "llama"
    with pytest.raises(MinilmError, match="qwen3 cannot express this model: qk_norm = False"):
        exporting.family_of(config, "qwen3")
    with pytest.raises(MinilmError, match="no family 'lama'; did you mean 'llama'"):
        exporting.family_of(config, "lama")


@pytest.mark.parametrize("name", SIZES)
def test_every_size_can_be_exported(name: str) -> None:
    assert exporting.family_of(SIZES[name]).model_type in ("gpt2", "qwen3")


def test_pieces_cover_every_parameter_once() -> None:
    for config in CONFIGS.values():
        family = exporting.family_of(config)
        model = build(config, seed=None)
        for piece in family.pieces(config):
            value = model.parameters[piece.parameter].value
            shape = piece.shape(value.shape)
            piece.put(value, slice(0, shape[0]), piece.get(value) + 1)
        for parameter in model.parameters:
            assert (parameter.value == 1).all(), parameter.name
    assert {c.split()[0] for c in CONFIGS} == {*FAMILIES}


MEASURE = """
import sys
from pathlib import Path
from minilm.interop.folder import read
import minilm.models.bert, minilm.kernels

def peak():
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024

before = peak()
model = read(sys.argv[1]).model
print((peak() - before) / model.parameters.values.nbytes)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_peak_memory(tmp_path: Path) -> None:
    config = GPTConfig(vocab_size=30000, block_size=64, n_layer=4, n_head=8, n_embd=768)
    folder_of(config, tmp_path / "source")
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    ratio = subprocess.run(
        [sys.executable, "-c", MEASURE, str(tmp_path / "source")],
        env=environment, check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert 0.9 < float(ratio.stdout) < 1.2
