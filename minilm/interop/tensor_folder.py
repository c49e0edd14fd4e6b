"""The weights of a Hugging Face folder: one safetensors file, or shards with an index.

    model.safetensors
    model.safetensors.index.json     {"weight_map": {"NAME": "model-00001-of-00002.safetensors"}}

Pickled weights (pytorch_model.bin) are never opened: unpickling runs what the file says.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, KeysView
from pathlib import Path
from types import EllipsisType

from numpy.typing import DTypeLike, NDArray

from minilm.errors import MinilmError
from minilm.storage import json_file
from minilm.storage.tensor_file import TensorFile
from minilm.storage.tensor_header import shortened

__all__ = ["INDEX", "WEIGHTS", "TensorFolder"]

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
OTHERS = (
    "pytorch_model*.bin",
    "pytorch_model.bin.index.json",
    "*.pt",
    "*.pth",
    "*.ckpt",
    "tf_model*.h5",
    "flax_model*.msgpack",
)


class TensorFolder:
    """The tensors of a folder, whichever of its files they lie in.

    Opening it checks the header of every file and that index and shards agree. A tensor that
    a shard holds and the index leaves out counts like any other, as in a folder of one file.
    Methods are those of `TensorFile`.

    Parameters
    ----------
    path : path
        A folder. Where it has both a single file and an index, the single file counts, as in
        `transformers`.

    Raises
    ------
    MinilmError
        Naming the file, the tensor and the fault.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.files = [TensorFile(file) for file in self._paths()]
        self._home: dict[str, TensorFile] = {}
        for file in self.files:
            for name in file.names:
                if name in self._home:
                    raise MinilmError(
                        f"{self.path}: {shortened(name)} is in two files, "
                        f"{self._home[name].path.name} and {file.path.name}; {_AGAIN}"
                    )
                self._home[name] = file
        for name, shard in self._index.items():
            home = self._home.get(name)
            if home is None or home.path.name != shard:
                where = f"it is in {home.path.name}" if home else "no file has it"
                raise MinilmError(
                    f"{self.path / INDEX}: {shortened(name)} should be in {shard}, "
                    f"but {where}; {_AGAIN}"
                )

    @property
    def names(self) -> KeysView[str]:
        """The names of all tensors; a set that keeps an order."""
        return self._home.keys()

    @property
    def not_finite(self) -> dict[str, int]:
        """Tensors read so far that hold NaN or infinities, and how many."""
        return {name: count for file in self.files for name, count in file.not_finite.items()}

    @property
    def rounded(self) -> dict[str, int]:
        """Tensors read so far with entries not exact in the dtype asked for, and how many."""
        return {name: count for file in self.files for name, count in file.rounded.items()}

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a tensor."""
        return self._file(name).shape(name)

    def dtype(self, name: str) -> str:
        """The dtype of a tensor by the format's own name, such as ``"BF16"``."""
        return self._file(name).dtype(name)

    def blocks(
        self, name: str, dtype: DTypeLike, *, rows: slice = slice(None)
    ) -> Iterator[tuple[slice | EllipsisType, NDArray]]:
        """A tensor in blocks of whole rows; see `TensorFile.blocks`."""
        return self._file(name).blocks(name, dtype, rows=rows)

    def read(
        self, name: str, into: NDArray, *, rows: slice = slice(None), transpose: bool = False
    ) -> None:
        """Fill an array with a tensor; see `TensorFile.read`."""
        self._file(name).read(name, into, rows=rows, transpose=transpose)

    def _file(self, name: str) -> TensorFile:
        try:
            return self._home[name]
        except KeyError:
            raise MinilmError(f"{self.path} has no tensor {shortened(name)}") from None

    def _paths(self) -> list[Path]:
        self._index: dict[str, str] = {}
        if _is_there(self.path / WEIGHTS):
            return [self.path / WEIGHTS]
        if _is_there(self.path / INDEX):
            self._index = _read_index(self.path / INDEX)
            paths = [self.path / shard for shard in dict.fromkeys(self._index.values())]
            for path in paths:
                if not _is_there(path):
                    raise MinilmError(f"{path} is missing, which {INDEX} names; {_AGAIN}")
            return paths
        raise MinilmError(_why_none(self.path))


_AGAIN = "fetch or write the folder again"


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError) as error:
        raise MinilmError(f"cannot read {path}: {error}; check the path") from None


def _read_index(path: Path) -> dict[str, str]:
    found = json_file.read(path).get("weight_map")
    if not isinstance(found, dict) or not found:
        raise MinilmError(f"{path} has no weight_map of names to files; {_AGAIN}")
    for name, shard in found.items():
        # The index is untrusted: it must not lead to files elsewhere, here or on Windows.
        if not isinstance(shard, str) or not _is_plain(shard):
            shown = repr(shortened(shard)) if isinstance(shard, str) else "something"
            raise MinilmError(
                f"{path}: {shortened(name)} should be in {shown}, "
                f"which is not the plain name of a safetensors file; {_AGAIN}"
            )
    return found


def _is_plain(name: str) -> bool:
    return name.endswith(".safetensors") and len(name) < 256 and not set(name) & set("/\\:\0")


def _why_none(path: Path) -> str:
    if not path.exists():
        return f"no folder {path}; check the path"
    if not path.is_dir():
        return f"{path} is a file; give the folder that holds {WEIGHTS}"
    others = sorted({found.name for pattern in OTHERS for found in path.glob(pattern)})
    if others:
        return (
            f"{path} has its weights in {others[0]} only; pickled weights are never opened, "
            "because that can run any code: where you trust them, load them with transformers "
            "and call save_pretrained, which writes model.safetensors"
        )
    return f"{path} has no {WEIGHTS} and no {INDEX}; give a folder saved by save_pretrained"
