from __future__ import annotations

import datetime

import pytest

from minilm.corpus.sources import Errors, SourceConfig, documents, parts, read
from minilm.errors import MinilmError

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

ROWS = {
    "id": [f"r{i}" for i in range(200)],
    "text": [f"text {i} é" for i in range(200)],
    "n": list(range(200)),
}


def write(folder, columns, name="a.parquet", **options):
    pq.write_table(pa.table(columns), folder / name, **options)
    return folder / name


def texts(path, on_error="skip", **options):
    errors = Errors()
    found = documents(SourceConfig("s", str(path), on_error=on_error, **options), errors)
    return [document.text for document in found], errors


def test_rows_become_documents(tmp_path):
    path = write(tmp_path, ROWS)
    found = list(documents(SourceConfig("s", str(path))))
    assert [(d.id, d.text, d.metadata) for d in found] == [
        (f"r{i}", f"text {i} é", {"n": i}) for i in range(200)
    ]
    (first, *_) = documents(SourceConfig("s", str(path), id_key="n", metadata_keys=()))
    assert (first.id, first.metadata) == ("0", {})


def test_row_groups_are_parts(tmp_path):
    path = write(tmp_path, {"text": ROWS["text"]}, row_group_size=30)
    source = SourceConfig("s", str(path))
    cut = parts(source, 2000)
    edges = [(piece.first, piece.end) for part in cut for piece in part.pieces]
    assert len(cut) == len(edges) > 2
    assert [first for first, _ in edges] == [0, *(end for _, end in edges[:-1])]
    assert edges[-1][1] == 7
    found = [(d.id, d.text) for part in reversed(cut) for d in read(part)]
    assert sorted(found) == sorted((f"a.parquet#{i}", t) for i, t in enumerate(ROWS["text"]))


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.binary(), pa.dictionary(pa.int32(), pa.string())]
)
def test_every_kind_of_text(tmp_path, kind):
    path = write(tmp_path, {"text": pa.array(["é", None, "b"], pa.string()).cast(kind)})
    found, errors = texts(path)
    assert found == ["é", "b"]
    assert errors.examples["key"][0].startswith(f"{path}, row 1: the key 'text' has null")


def test_bytes_that_are_no_utf8(tmp_path):
    broken = pa.array([b"ok", b"caf\xe9", b"end"]).view(pa.binary())
    column = pa.Array.from_buffers(pa.string(), 3, broken.buffers())
    path = write(tmp_path, {"text": column, "other": column})
    found, errors = texts(path)
    assert (found, errors.counts) == (["ok", "end"], {"encoding": 1})
    assert errors.examples["encoding"] == [f"{path}, row 1: 'text' is no utf-8 at byte 3"]
    found, errors = texts(path, on_error="replace")
    assert (found, errors.counts) == (["ok", "caf\ufffd", "end"], {"encoding": 1})
    with pytest.raises(MinilmError, match=r"row 1: 'text' is no utf-8 at byte 3; mend it"):
        texts(path, on_error="stop")


def test_metadata_is_what_json_has(tmp_path):
    day = datetime.datetime(2024, 5, 6)
    path = write(tmp_path, {"text": ["a"], "day": [day], "tags": [["x", "y"]], "s": [{"k": 1}]})
    (document,) = documents(SourceConfig("s", str(path)))
    assert document.metadata == {"day": str(day), "tags": ["x", "y"], "s": {"k": 1}}


def test_without_the_column(tmp_path):
    path = write(tmp_path, {"body": ["a", "b"], "n": [1, 2]})
    found, errors = texts(path)
    assert (found, errors.counts) == ([], {"key": 2})
    assert "row 0: no key 'text' but 'body', 'n'; text_key names another" in str(
        errors.examples["key"]
    )
    assert texts(path, text_key="body", on_error="stop")[0] == ["a", "b"]


@pytest.mark.parametrize("damage", ["empty", "text", "footer", "middle"])
def test_broken_files(tmp_path, damage):
    path = write(tmp_path, ROWS, compression="gzip")
    data = path.read_bytes()
    half = len(data) // 4
    path.write_bytes(
        {
            "empty": b"",
            "text": b"no parquet at all",
            "footer": data[:-5],
            "middle": data[:half] + bytes(200) + data[half + 200 :],
        }[damage]
    )
    found, errors = texts(path)
    assert len(found) < 200
    assert errors.counts == {"format": 1}
    assert errors.examples["format"][0].startswith(f"{path} cannot be read as Parquet: ")
    with pytest.raises(MinilmError, match="cannot be read as Parquet"):
        texts(path, on_error="stop")


def test_files_that_change_or_vanish(tmp_path):
    path = write(tmp_path, ROWS)
    (part,) = parts(SourceConfig("s", str(path), on_error="skip"))
    size = path.stat().st_size
    write(tmp_path, {"text": ["other"]})
    errors = Errors()
    assert list(read(part, errors=errors)) == []
    path.unlink()
    assert list(read(part, errors=errors)) == []
    assert errors.counts == {"changed": 2}
    assert f"but had {size} when listed" in errors.examples["changed"][0]
    assert "vanished" in errors.examples["changed"][1]
