"""Whatever a user types or points at: done, or one line that says why. Never a traceback.

``MINILM_EXAMPLES=10000 python -m pytest tests/test_bad_inputs.py`` takes its time.
"""

import io
import os
import shutil
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, example, given, settings

from minilm import machine
from minilm.cli.main import main

EXAMPLES = int(os.environ.get("MINILM_EXAMPLES", "400"))
SMALL = [
    f"--set={setting}"
    for setting in [
        "n_layer=1",
        "n_head=1",
        "n_embd=4",
        "block_size=4",
        "steps=1",
        "batch_size=1",
        "warmup_steps=0",
        "position=learned",
        "tokenizer=chars",
        "sample.max_tokens=3",
        "split=position",
    ]
]
KEYS = [
    "steps",
    "batch_size",
    "accumulation",
    "evaluate_every",
    "patience",
    "keep",
    "estimate_windows",
    "seed",
    "n_layer",
    "n_head",
    "n_embd",
    "n_kv_head",
    "n_hidden",
    "block_size",
    "dropout",
    "position",
    "norm",
    "activation",
    "bias",
    "qk_norm",
    "tied_head",
    "rope_base",
    "norm_eps",
    "learning_rate",
    "min_learning_rate",
    "warmup_steps",
    "schedule",
    "decay_fraction",
    "beta1",
    "beta2",
    "eps",
    "weight_decay",
    "clip_norm",
    "tokenizer",
    "validation",
    "split",
    "source",
    "sha256",
    "sample.prompt",
    "sample.max_tokens",
    "temperature",
    "objective",
    "model.size",
    "training.minutes",
]
VALUES = st.one_of(
    st.sampled_from(
        [
            "0",
            "-1",
            "1",
            "2",
            "3",
            "7",
            "1e9",
            "1e400",
            "nan",
            "inf",
            "-inf",
            "true",
            "false",
            "0.5",
            "1.0",
            "bytes",
            "chars",
            "rope",
            "cosine",
            "linear",
            "constant",
            "rms_norm",
            "swiglu",
            "''",
            '"a"',
            "99999999999999999999",
            "[1]",
            "{}",
            "gpt2",
            "position",
        ]
    ),
    st.text(max_size=8),
)
SETTING = st.tuples(st.sampled_from(KEYS), VALUES).map("=".join)
TOML = st.one_of(
    st.binary(max_size=60),
    st.text(max_size=60).map(str.encode),
    st.lists(
        st.tuples(st.sampled_from(KEYS), st.one_of(VALUES, st.integers().map(str))), max_size=4
    ).map(
        lambda pairs: "".join(
            f"{section}\n{key.split('.')[-1]} = {value}\n"
            for section, (key, value) in zip(
                ("[model]", "[training]", "[data]", "[optimizer]"), pairs, strict=False
            )
        ).encode(errors="surrogatepass")
    ),
)
TEXT = st.one_of(
    st.binary(max_size=80),
    st.text(max_size=80).map(lambda text: text.encode(errors="surrogatepass")),
    st.text("ab\n", min_size=10, max_size=80).map(str.encode),
)


def _run(arguments: list[str]) -> None:
    out, err = io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(arguments)
    assert code in (0, 2), (arguments, code, err.getvalue())
    assert "Traceback" not in err.getvalue()
    if code == 2:
        lines = [line for line in err.getvalue().splitlines() if line.startswith("minilm: error")]
        assert len(lines) == 1, err.getvalue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    (folder / "good.txt").write_text("abc\n" * 40)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(machine, "sgemm_gflops", lambda: 1.0)
        # A model of any size may be asked for; only small ones are to be trained here.
        patch.setattr(machine, "available_bytes", lambda: 0)
        patch.setattr(machine, "resident_bytes", lambda: 2**30)
        _run(["pretrain", f"--data={folder / 'good.txt'}", f"--out={folder / 'run'}", *SMALL])
        assert (folder / "run" / "config.toml").exists()
        yield folder


def _pretrain(folder: Path, *arguments: str) -> None:
    shutil.rmtree(folder / "new", ignore_errors=True)
    _run(["pretrain", f"--out={folder / 'new'}", "--quiet", *arguments])


many = settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture])


@many
@given(SETTING)
@example("training.minutes=1")
@example("n_kv_head=3")
@example("rope_base=1e-300")
@example("eps=1e-300")
@example("learning_rate=1e30")
def test_settings(folder: Path, setting: str) -> None:
    _pretrain(folder, f"--data={folder / 'good.txt'}", *SMALL, f"--set={setting}", "--set=steps=1")


@many
@given(TOML)
def test_recipes(folder: Path, data: bytes) -> None:
    (folder / "recipe.toml").write_bytes(data)
    _pretrain(folder, str(folder / "recipe.toml"), f"--data={folder / 'good.txt'}", *SMALL)
    _run(["describe", str(folder / "recipe.toml")])


@many
@given(TEXT, st.sampled_from(["chars", "bytes"]), st.sampled_from(["document", "position"]))
def test_texts(folder: Path, data: bytes, tokenizer: str, split: str) -> None:
    (folder / "text.txt").write_bytes(data)
    _pretrain(
        folder,
        f"--data={folder / 'text.txt'}",
        *SMALL,
        f"--set=tokenizer={tokenizer}",
        f"--set=split={split}",
    )


@many
@given(
    st.one_of(st.text(max_size=30), st.text("abc\n", max_size=30)),
    st.lists(
        st.tuples(
            st.sampled_from(["--temperature", "--top-k", "--top-p", "--max-tokens", "--seed"]),
            VALUES,
        ).map("=".join),
        max_size=2,
    ),
)
def test_prompts(folder: Path, prompt: str, options: list[str]) -> None:
    options = [o for o in options if not o.startswith("--max-tokens=1e") and "9999" not in o]
    _run(["sample", str(folder / "run"), f"--prompt={prompt}", "--max-tokens=5", *options])
