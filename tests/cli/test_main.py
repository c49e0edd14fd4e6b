"""The entry point: exit codes, one-line errors, and rubbish that never gives a traceback."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minilm.cli import main as main_module
from minilm.cli.describe import Describe
from minilm.cli.main import main
from minilm.errors import MinilmError

COMMANDS = (
    *("pretrain", "sample", "describe", "gradcheck"),
    *("tokenizer", "import", "export", "golden", "compare"),
)


def run_apart(*words, **kwargs):
    """The command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "minilm.cli", *words], capture_output=True, check=False, **kwargs
    )


@pytest.mark.parametrize("words", [[], ["-h"], ["--help"]])
def test_overview_has_an_example_of_each_command(words, capsys):
    assert main(words) == 0
    out, err = capsys.readouterr()
    assert err == ""
    for command in COMMANDS:
        assert f"  minilm {command}" in out
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command_has_examples_and_its_options(command, capsys):
    assert main([command, "--help"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert f"Examples:\n  minilm {command}" in out
    if command == "tokenizer":  # the options are those of its own commands
        assert main([command, "show", "--help"]) == 0
        out, _ = capsys.readouterr()
    assert "--json" in out
    assert "None" not in out, "a default that says nothing to a reader"


def test_version(capsys):
    import minilm

    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"minilm {minilm.__version__}\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["pretrian"], "no command 'pretrian'; did you mean 'pretrain'?"),
        (
            ["--jsn"],
            "no option '--jsn'; choose from bench, classify, compare, corpus, describe, embed, "
            "evaluate, export, fill, finetune, golden, gradcheck, import, info, pairs, pretrain, "
            "sample, search, tokenizer",
        ),
        (["pretrain", "--sed", "3"], "unknown: --sed, 3; did you mean --seed?"),
        (["pretrain", "--seed", "x"], "--seed: 'x' is not a whole number; see minilm pretrain"),
        (["pretrain", "--seed"], "--seed needs a value"),
        (["pretrain", "--minutes", "0"], "--minutes: '0' is not above zero"),
        (["pretrain", "--minutes", "nan"], "--minutes: 'nan' is not a finite number"),
        (["pretrain", "a", "b"], "unknown: b"),
        (["pretrain", "docs-tuor"], "no recipe 'docs-tuor'; did you mean 'docs-tour'?"),
        (["pretrain", "--set", "stepz=3"], "did you mean 'steps'?"),
        (["pretrain", "--set", "steps"], "--set steps: expected key=value"),
        (["sample"], "RUN is missing"),
        (["sample", "r", "--top-k", "0"], "--top-k: '0' is below 1"),
        (["sample", "r", "--temperature", "-1"], "--temperature: '-1' is negative"),
        (["gradcheck", "--twin", "x"], "--twin: 'x' is none of 'both', 'kernels', 'reference'"),
        (
            ["pairs", "a", "--objective", "x"],
            "--objective: 'x' is none of 'fill_in_middle', 'masked_tokens', 'next_token'",
        ),
        (["gradcheck", "gleu"], "no operation 'gleu'; did you mean 'gelu'?"),
        (["gradcheck", "--tyro-print-completion", "bash"], "no option '--tyro-print-completion'"),
        (["describe", "\x1b[31m\x07"], "no recipe '\\x1b[31m\\x07'"),
        (["describe", "a", "b\x07"], "unknown: b\\x07"),
        (["describe", "a\0b"], "argument 2 ('a\\x00b') contains a null character"),
        (["describe", "a\udcff"], "argument 2 ('a\\udcff') is not valid UTF-8 at character 1"),
    ],
)
def test_mistakes_are_one_line_that_says_what_to_do(words, message, capsys):
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("minilm: error: ")
    assert err.endswith("\n")
    assert len(err.splitlines()) == 1
    assert message in err


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (MinilmError("two\nlines\x1b[2J"), 2, "minilm: error: two\\nlines\\x1b[2J\n"),
        (OSError(errno.ENOSPC, "No space left on device", "runs/x"), 2, "runs/x: No space left"),
        (
            OSError(errno.EISDIR, "Is a directory", "\x1b[2J"),
            2,
            "error: \\x1b[2J: Is a directory\n",
        ),
        (PermissionError(errno.EACCES, "Permission denied"), 2, "error: Permission denied"),
        (MemoryError("Unable to allocate 8 GiB"), 2, "out of memory: Unable to allocate 8 GiB"),
        (KeyboardInterrupt(), 130, ""),
        (BrokenPipeError(), 141, ""),
    ],
)
def test_failures_become_exit_codes(error, code, message, capsys, monkeypatch):
    def fail(self):
        raise error

    monkeypatch.setattr(Describe, "run", fail)
    monkeypatch.setattr(main_module, "_silence", lambda stream: None)
    assert main(["describe"]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert len(err.splitlines()) <= 1


def test_a_bug_keeps_its_traceback(monkeypatch):
    def fail(self):
        raise ZeroDivisionError

    monkeypatch.setattr(Describe, "run", fail)
    with pytest.raises(ZeroDivisionError):
        main(["describe"])


def test_help_and_errors_import_nothing_heavy():
    program = (
        "import sys; from minilm.cli.main import main; "
        "main(['--help']); main(['pretrain', '--help']); main(['pretrain', '--bad']); "
        "heavy = {'numpy', 'numba', 'rich', 'plotext', 'psutil'} & set(sys.modules); "
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_reader_that_leaves_ends_it_quietly():
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "minilm.cli", "describe", "--list"],
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


def test_a_terminal_without_unicode_gets_question_marks_not_errors():
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = run_apart("describe", "--set", "description=größer", env=environment)
    assert done.returncode == 0, done.stderr
    assert b"gr??er" in done.stdout


def test_exit_codes_reach_the_shell():
    assert run_apart("--version").returncode == 0
    done = run_apart("describe", "nosuch")
    assert done.returncode == 2
    assert done.stderr.startswith(b"minilm: error: no recipe 'nosuch'")
    assert b"Traceback" not in done.stderr


words = st.one_of(
    st.sampled_from(
        [
            *COMMANDS,
            *("--set", "--data", "--out", "--minutes", "--seed", "--resume", "--plot", "--json"),
            *("--prompt", "--temperature", "--top-k", "--top-p", "--max-tokens", "--n", "--twin"),
            *("--list", "--toml", "--cases", "--quiet", "--help", "-h", "--version"),
            *("--", "-", "=", "--=", "", " ", "0", "-1", "1e999", "nan", "None", "true", "[", "{"),
            *("model.size=gpt2", "n_head=0", "model.=1", "=", "a.b=c", "seed=9e9", "data=1"),
            *("docs-tour", "gelu", "both", "/dev/null", "/dev/null/x", "~", "%s", "{0}", "[red]"),
            *("--tyro-write-completion", "--tyro_print_completion", "bash", "9" * 5000),
        ]
    ),
    st.text(max_size=8),
    st.text(max_size=8).map(lambda text: f"--{text}"),
    st.tuples(st.sampled_from(["n_embd", "model.bias", "optimizer.beta1", "x"]), st.text()).map(
        "=".join
    ),
)


@pytest.fixture(scope="module")
def no_work():
    """The commands down to where the work begins."""
    from minilm.generation import pretrained
    from minilm.recipes import pretrain

    def refuse(*args, **kwargs):
        raise MinilmError("no work in this test")

    with pytest.MonkeyPatch.context() as patch:
        for name in ("pretrain", "resume"):
            patch.setattr(pretrain, name, refuse)
        patch.setattr("minilm.gradient_check.check_operation", lambda *args: [])
        patch.setattr(pretrained.Pretrained, "stream", refuse)
        yield


@given(st.sampled_from(COMMANDS), st.lists(words, max_size=6))
@settings(max_examples=300)
def test_rubbish_never_gives_a_traceback(no_work, command, rest):
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", err)
        code = main([command, *rest])
    assert code in (0, 2)
    if code == 2:
        assert err.getvalue().splitlines()[-1].startswith("minilm: error: ")
        assert err.getvalue().count("minilm: error: ") == 1
    assert "\x1b" not in err.getvalue()
