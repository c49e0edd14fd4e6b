"""Vectors in .npy files."""

from pathlib import Path

import numpy as np
import pytest

from minilm.errors import MinilmError
from minilm.evaluation import vectors_file

VECTORS = np.arange(6.0).reshape(2, 3)


def test_there_and_back(tmp_path: Path) -> None:
    vectors_file.write(tmp_path / "v.npy", VECTORS)
    found = np.load(tmp_path / "v.npy")
    assert found.dtype == np.float32
    np.testing.assert_array_equal(vectors_file.read(tmp_path / "v.npy", 2, 3), VECTORS)
    assert [path.name for path in tmp_path.iterdir()] == ["v.npy"]


def test_names_that_cannot_be(tmp_path: Path) -> None:
    for path, message in (
        (tmp_path / "v.txt", r"must end in \.npy"),
        (tmp_path / "none" / "v.npy", "no folder"),
    ):
        with pytest.raises(MinilmError, match=message):
            vectors_file.check(path)
    (tmp_path / "d.npy").mkdir()
    with pytest.raises(MinilmError, match="is a folder"):
        vectors_file.check(tmp_path / "d.npy")
    with pytest.raises(MinilmError, match="cannot write"):
        vectors_file.write(tmp_path / "none" / "v.npy", VECTORS)


def test_files_that_hold_no_such_vectors(tmp_path: Path) -> None:
    path = tmp_path / "v.npy"
    with pytest.raises(MinilmError, match="cannot read"):
        vectors_file.read(path, 2, 3)
    path.write_text("no")
    with pytest.raises(MinilmError, match="not a NumPy file"):
        vectors_file.read(path, 2, 3)
    np.save(path, np.arange(6).reshape(2, 3))
    with pytest.raises(MinilmError, match="does not hold vectors of floats"):
        vectors_file.read(path, 2, 3)
    np.save(path, VECTORS)
    with pytest.raises(MinilmError, match=r"has the shape \(2, 3\), and 4 texts need \(4, 3\)"):
        vectors_file.read(path, 4, 3)
    np.save(path, VECTORS * np.nan)
    with pytest.raises(MinilmError, match="not finite"):
        vectors_file.read(path, 2, 3)
