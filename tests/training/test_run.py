"""The run folder: made once, locked, its record rewound."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from minilm.errors import MinilmError
from minilm.training.run import CONFIG, Run


def _make(path: Path) -> None:
    with Run.create(path) as run:
        run.write(CONFIG, "seed = 1\n")


def test_a_folder_holds_one_run(tmp_path: Path) -> None:
    _make(tmp_path / "run")
    with pytest.raises(MinilmError, match="holds a run already"):
        Run.create(tmp_path / "run")


def test_other_peoples_folders_and_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(MinilmError, match="not empty"):
        Run.create(tmp_path)
    with pytest.raises(MinilmError, match="cannot make"):
        Run.create(tmp_path / "thesis.txt" / "run")
    assert os.listdir(tmp_path) == ["thesis.txt"]


def test_what_a_killed_process_left_before_its_first_line_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / ".lock").touch()
    (tmp_path / "tokenizer.json").touch()
    (tmp_path / ".config.toml.tmp").touch()
    _make(tmp_path)


def test_a_run_in_use_by_another_process_is_refused(tmp_path: Path) -> None:
    _make(tmp_path)
    code = (
        "import sys; from pathlib import Path; from minilm.training.run import Run;"
        "run = Run.open(Path(sys.argv[1])); print('locked', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout.readline() == "locked\n"
        with pytest.raises(MinilmError, match="in use by another process"):
            Run.open(tmp_path)
    finally:
        holder.kill()
        holder.communicate()
    Run.open(tmp_path).close()  # the lock went with the process


def test_the_record_is_rewound_to_a_step(tmp_path: Path) -> None:
    _make(tmp_path)
    with Run.open(tmp_path) as run:
        for step in (1, 2, 3):
            run.append({"kind": "train", "step": step})
        run.append({"kind": "end"})
        with open(tmp_path / "metrics.jsonl", "a") as file:
            file.write('{"kind": "train", "st')  # a crash in the middle of a line
        run.rewind(2)
        run.append({"kind": "train", "step": 3})
        assert [record["step"] for record in run.records()] == [1, 2, 3]


def test_fresh_names_count_up(tmp_path: Path) -> None:
    assert Run.fresh_name(tmp_path, "tour") == tmp_path / "tour-1"
    (tmp_path / "tour-1").mkdir()
    assert Run.fresh_name(tmp_path, "tour") == tmp_path / "tour-2"


def test_no_run_says_so(tmp_path: Path) -> None:
    with pytest.raises(MinilmError, match="no such folder"):
        Run.open(tmp_path / "nowhere")
    with pytest.raises(MinilmError, match=r"no config\.toml"):
        Run.open(tmp_path)
