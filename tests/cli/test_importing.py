"""``minilm import`` and ``minilm export``: what they print, and their one-line errors."""

import json
from pathlib import Path

import pytest

from minilm.cli.main import main
from minilm.interop import exporting, tokenizer_files
from minilm.models.architectures import build
from minilm.models.config import GPTConfig
from minilm.tokenizers.byte import BytesTokenizer

CONFIG = GPTConfig(vocab_size=257, block_size=8, n_layer=1, n_head=2, n_embd=8)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    exporting.write(build(CONFIG), exporting.family_of(CONFIG), folder)
    tokenizer_files.write(BytesTokenizer(), folder, 8)
    return folder


def run(capsys, *words: object) -> tuple[int, str, str]:
    code = main([str(word) for word in words])
    return code, *capsys.readouterr()


def test_there_and_back(source: Path, tmp_path: Path, capsys) -> None:
    code, out, err = run(capsys, "import", source, "--out", tmp_path / "run")
    assert (code, err) == (0, "")
    assert "gpt2, 3,008 parameters, 1 layer of 8 channels" in out
    assert "minilm sample" in out
    code, out, err = run(capsys, "export", tmp_path / "run", tmp_path / "again")
    assert (code, err) == (0, "")
    assert out == f"{tmp_path / 'again'}: gpt2, for GPT2LMHeadModel (step 0)\n"
    weights = [folder / "model.safetensors" for folder in (source, tmp_path / "again")]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    code, out, _ = run(capsys, "sample", tmp_path / "run", "--max-tokens", 3, "--seed", 1)
    assert code == 0


def test_json(source: Path, tmp_path: Path, capsys) -> None:
    code, out, _ = run(capsys, "import", source, "--out", tmp_path / "run", "--json")
    assert code == 0
    found = json.loads(out)
    assert found["parameters"] == 3008
    assert found["model"]["n_embd"] == 8
    assert found["tokenizer"] == "bytes"
    assert found["notes"] == []
    code, out, _ = run(capsys, "export", tmp_path / "run", tmp_path / "x", "--json")
    assert json.loads(out)["family"] == "gpt2"


def test_a_field_that_is_not_supported(source: Path, tmp_path: Path, capsys) -> None:
    config = json.loads((source / "config.json").read_text())
    config["logit_softcap"] = 30.0
    (source / "config.json").write_text(json.dumps(config))
    words = ("import", source, "--out", tmp_path / "run")
    code, out, err = run(capsys, *words)
    assert (code, out) == (2, "")
    assert "logit_softcap = 30.0 is not supported" in err
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "run").exists()
    assert run(capsys, *words, "--ignore", "logit_softcap")[0] == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("import", "nowhere", "--out", "run"), "nowhere"),
        (("import", "{}", "--out", "{}"), "not empty"),
        (("export", "nowhere", "x"), "no run at nowhere"),
        (("import", "{}"), "--out"),
    ],
)
def test_mistakes_are_one_line(words, message, source: Path, capsys) -> None:
    code, out, err = run(capsys, *(word.format(source) for word in words))
    assert (code, out) == (2, "")
    assert message in err
    assert len(err.splitlines()) == 1
