"""Results as text."""

import numpy as np

from minilm.golden.difference import difference
from minilm.golden.judging import Group, Parting
from minilm.golden.report import parting_dict, parting_line, parting_text, table


def test_a_number_and_a_shape() -> None:
    found = difference(np.array(2.0), np.array(3.0), 1e-9)
    parting = Parting("loss", [], (), (), 1e-9, 4, found, hints=["why"])
    assert parting_text(parting, {}).splitlines() == [
        "  shape       a number",
        "  apart       1 of 1 entries",
        "  most        1, 0.5 of the largest number in A",
        "  A there     2",
        "  B there     3",
        "  hint        why",
    ]
    assert parting_line(parting) == " 5.0e-01                  1 of 1  loss"
    other = Parting("x" * 300, ["T"], (3,), (4,), 1e-9, 4)
    assert parting_text(other, {}).splitlines() == [
        "  shape in A  (T,) = (3,)",
        "  shape in B  (4,)",
    ]
    assert len(parting_line(other)) < 160
    assert parting_dict(other)["shape_b"] == (4,)


def test_a_table_of_the_kinds_that_there_are() -> None:
    groups = {"gradients": Group(12, 0, 1e-12, "gradient.x"), "inputs": Group(),
              "parameters": Group(2, 1, np.inf, "parameter.y")}  # fmt: skip
    assert table(groups).splitlines()[1:] == [
        "  gradients                   12  1.0e-12  gradient.x",
        "  parameters                   2      inf  FAILED parameter.y",
    ]
