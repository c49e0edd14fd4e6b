"""Loss curves: what is read from a run, and that drawings show it."""

from __future__ import annotations

import json
import math
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minilm.cli.curve import Curve, check_picture, draw, picture, read
from minilm.errors import MinilmError

FALLING = Curve(
    [(step, 1 + 4 * math.exp(-step / 100)) for step in range(1, 1001)],
    [(step, 1.5 + 4 * math.exp(-step / 100)) for step in range(100, 1001, 100)],
)


def test_read_takes_losses_in_order_and_the_last_word_on_each_step(tmp_path):
    records = [
        {"kind": "start", "step": 0},
        {"kind": "train", "step": 2, "loss": 9.0},
        {"kind": "train", "step": 1, "loss": 5.0},
        {"kind": "train", "step": 2, "loss": 4.0},
        {"kind": "evaluation", "step": 2, "val_loss": 4.5},
        {"kind": "train", "step": 3},
        ["train"],
        3,
    ]
    lines = [json.dumps(record) for record in records]
    (tmp_path / "metrics.jsonl").write_text("\n".join([*lines, '{"kind": "train", "st']))
    assert read(tmp_path) == Curve([(1, 5.0), (2, 4.0)], [(2, 4.5)])


def test_a_falling_loss_falls_on_the_drawing():
    rows = draw(FALLING, 60).split("\n")[1:-2]
    columns = [
        "".join(column) for column in zip(*(row.ljust(60)[5:-1] for row in rows), strict=True)
    ]
    marked = [
        next(i for i, c in enumerate(column) if c not in " ●")
        for column in columns
        if column.strip(" ●")
    ]
    assert len(marked) > 40
    assert marked == sorted(marked)
    assert marked[0] == 0
    assert marked[-1] == len(rows) - 1
    assert sum(row.count("●") for row in rows) == 10


def test_axes_carry_steps_and_losses():
    text = draw(FALLING, 60)
    assert text.split("\n")[-1].split() == ["0", "250", "500", "750", "1000"]
    levels = [line.split("┤")[0].strip() for line in text.split("\n") if "┤" in line]
    assert levels == sorted(levels, reverse=True)
    assert levels[-1] == "1.00"


def test_the_noise_of_single_batches_is_averaged_away():
    noisy = Curve([(step, 1.0 + 2 * (step % 2)) for step in range(1, 1001)], [])
    levels = [line.split("┤")[0].strip() for line in draw(noisy, 60).split("\n") if "┤" in line]
    assert all(1.9 <= float(level) <= 2.1 for level in levels)


def test_ascii_terminals_get_ascii():
    text = draw(FALLING, 60, "ascii")
    assert text.isascii()
    assert text.count("o") == 10


finite = st.floats(-1e6, 1e6)


@given(
    st.lists(st.tuples(st.integers(1, 10**6), finite), max_size=30, unique_by=lambda p: p[0]),
    st.lists(st.tuples(st.integers(1, 10**6), finite), max_size=5, unique_by=lambda p: p[0]),
    st.integers(1, 120),
)
@settings(max_examples=50)
def test_any_run_can_be_drawn_within_the_width(train, validation, width):
    text = draw(Curve(sorted(train), sorted(validation)), width)
    assert max(map(len, text.split("\n"))) <= width
    assert bool(text) == (len(train) >= 2 and width >= 30)


def test_picture_is_a_png(tmp_path):
    pytest.importorskip("matplotlib")
    path = tmp_path / "loss.png"
    check_picture(path)
    picture(FALLING, path, "a run")
    assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("loss.txt", "must end in .png or .svg or .pdf"),
        ("loss", "must end in"),
        ("nowhere/loss.png", "there is no folder"),
        ("folder.png", "this is a folder"),
    ],
)
def test_a_picture_that_could_not_be_written_is_refused_at_once(name, message, tmp_path):
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(MinilmError, match=message):
        check_picture(tmp_path / name)


def test_without_matplotlib_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MinilmError, match=r"pip install 'minilm\[plot\]'"):
        check_picture(tmp_path / "loss.png")
