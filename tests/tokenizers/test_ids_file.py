from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from minilm.errors import MinilmError
from minilm.tokenizers import ids_file


@pytest.mark.parametrize("dtype", [np.uint16, np.uint32])
@pytest.mark.parametrize("sizes", [[], [0], [3, 0, 5], [70_000]])
def test_written_in_parts_and_read_whole(tmp_path: Path, dtype: type, sizes: list[int]) -> None:
    arrays = [np.arange(size) % 60_000 for size in sizes]
    path = tmp_path / "ids.npy"
    assert ids_file.write(path, iter(arrays), dtype) == sum(sizes)
    for found in (ids_file.read(path), np.load(path)):
        assert found.dtype == dtype
        assert found.tolist() == [i for array in arrays for i in array.tolist()]
    assert [file.name for file in tmp_path.iterdir()] == ["ids.npy"]


def test_nothing_is_left_of_a_file_that_was_not_finished(tmp_path: Path) -> None:
    def arrays():
        yield np.arange(3)
        raise MinilmError("no more")

    with pytest.raises(MinilmError, match="no more"):
        ids_file.write(tmp_path / "ids.npy", arrays(), np.uint16)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_or_read(tmp_path: Path) -> None:
    with pytest.raises(MinilmError, match=r"cannot write .*: no such file or directory"):
        ids_file.write(tmp_path / "none" / "ids.npy", [], np.uint16)
    with pytest.raises(MinilmError, match=r"cannot read .*: no such file"):
        ids_file.read(tmp_path / "ids.npy")
    (tmp_path / "ids.npy").write_bytes(b"\x93NUMPY nonsense")
    with pytest.raises(MinilmError, match="is not a NumPy file of ids"):
        ids_file.read(tmp_path / "ids.npy")
    for wrong in (np.zeros(3), np.zeros((2, 2), int)):
        np.save(tmp_path / "ids.npy", wrong)
        with pytest.raises(MinilmError, match="does not hold ids"):
            ids_file.read(tmp_path / "ids.npy")
