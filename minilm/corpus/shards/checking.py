"""Whether the files of a corpus are those that its manifest names."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import NamedTuple

from minilm.corpus.shards.files import sha256, whole
from minilm.corpus.shards.manifest import DTYPES, SPLITS, TOKENIZER, Manifest
from minilm.errors import MinilmError
from minilm.storage import json_file

__all__ = ["STAMP", "check"]

STAMP = ".verified"


class Expected(NamedTuple):
    """What a file should be; the size of the tokenizer's is not in the manifest."""

    name: str
    size: int | None
    sha256: str


def check(folder: Path, manifest: Manifest, *, anew: bool = False) -> None:
    """Compare sizes, and digests unless the stamp of an earlier check still holds.

    Raises
    ------
    MinilmError
        Naming the first file that is missing, cut short, too long or changed.
    """
    files = _expected(manifest)
    found = {file.name: _status(folder, file) for file in files}
    stamp = {"manifest": manifest.sha256, "files": found}
    if not anew and _stamped(folder) == stamp:
        return
    for file in files:
        if sha256(folder / file.name) != file.sha256:
            raise MinilmError(
                f"{folder / file.name} has changed: its content is not what the manifest's "
                "digest says; restore it, or build the corpus again"
            )
    # A folder that may only be read is checked each time.
    with contextlib.suppress(MinilmError), whole(folder / STAMP) as written:
        written.write(json.dumps(stamp).encode())


def _expected(manifest: Manifest) -> list[Expected]:
    width = DTYPES[manifest.dtype]
    files = [Expected(TOKENIZER, None, manifest.tokenizer_sha256)]
    for split in SPLITS:
        for shard in manifest.split(split):
            files.append(Expected(shard.file, width * shard.tokens, shard.sha256))
            files.append(Expected(shard.index, 8 * (shard.documents + 1), shard.index_sha256))
    return files


def _status(folder: Path, file: Expected) -> list[int]:
    """(size, time of change in ns) of a file that has the size it should have."""
    path = folder / file.name
    try:
        status = path.stat()
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise MinilmError(
            f"{path} is named by the manifest: {reason}; restore it, or build the corpus again"
        ) from None
    if file.size is not None and status.st_size != file.size:
        how = "cut short" if status.st_size < file.size else "longer than it was"
        raise MinilmError(
            f"{path} is {how}: {status.st_size} bytes, and the manifest says {file.size}; "
            "restore it, or build the corpus again"
        )
    return [status.st_size, status.st_mtime_ns]


def _stamped(folder: Path) -> object:
    try:
        return json_file.read(folder / STAMP)
    except MinilmError:
        return None
