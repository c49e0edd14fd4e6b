"""Shards: what is written is read back as one array, and nothing that changed passes."""

import json
import os
import shutil
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from minilm.corpus.shards import (
    MANIFEST,
    Manifest,
    ShardedIds,
    checking,
    cut,
    is_shards,
    open_shards,
    text_ids,
    write_shard,
)
from minilm.corpus.shards.files import sha256, whole
from minilm.errors import MinilmError
from minilm.tokenizers import BytesTokenizer, CharTokenizer

TEXTS = ["One for the master", "one for the dame", "", "and one for the little boy"]
TEXTS += ["who lives down the lane", "x"]


def _write(folder: Path, texts: list[str], most: int = 40) -> Manifest:
    """A corpus of bytes; validation has the first text alone."""
    tokenizer = BytesTokenizer()
    tokenizer.save(folder / "tokenizer.json")
    sides = {}
    for split, part in (("train", texts), ("val", texts[:1])):
        ids = [np.append(tokenizer.encode(text), np.uint16(256)) for text in part]
        sides[split] = tuple(
            write_shard(folder, f"{split}-{i:05d}", ids[a:b], np.uint16, sum(map(len, part[a:b])))
            for i, (a, b) in enumerate(cut(np.array([len(x) for x in ids]), most))
        )
    digest = sha256(folder / "tokenizer.json")
    manifest = Manifest("uint16", 257, 256, digest, **sides, provenance={"minilm": "1"})
    manifest.write(folder)
    return manifest


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    _write(tmp_path, TEXTS)
    return tmp_path


def test_what_was_written_is_read(corpus: Path) -> None:
    shards = open_shards(corpus)
    assert len(shards.train.shards) == 3
    assert shards.tokenizer.decode(np.asarray(shards.train)) == "".join(
        f"{text}<|endoftext|>" for text in TEXTS
    )
    end = shards.manifest.end_of_text
    found = [shards.train.document(i) for i in range(shards.train.n_documents)]
    assert [shards.tokenizer.decode(text_ids(ids, end)) for ids in found] == TEXTS
    assert shards.n_bytes("train") == sum(map(len, TEXTS))
    assert shards.n_bytes("val") == len(TEXTS[0])
    with pytest.raises(MinilmError, match="no document 6; there are 6"):
        shards.train.document(6)


def test_the_format_is_plain(corpus: Path) -> None:
    # Whoever reads the files without this library finds just what the pages say.
    raw = np.fromfile(corpus / "train-00000.bin", "<u2")
    starts = np.fromfile(corpus / "train-00000.idx", "<i8")
    assert bytes(raw[: starts[1] - 1].astype(np.uint8)).decode() == TEXTS[0]
    assert starts.tolist() == [0, 19, 36, 37]
    fields = json.loads((corpus / MANIFEST).read_text())
    assert fields["train"][0]["tokens"] == 37 == len(raw)
    assert fields["format"] == "minilm shards"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_it_behaves_as_one_array(corpus: Path, data: st.DataObject) -> None:
    ids = open_shards(corpus).train
    array = np.asarray(ids)
    n = len(array)
    assert len(ids) == n == ids.size == ids.shape[0]
    first = data.draw(st.integers(-n - 3, n + 3))
    end = data.draw(st.integers(-n - 3, n + 3))
    step = data.draw(st.sampled_from([1, 1, 2, -1]))
    assert ids[first:end:step].tolist() == array[first:end:step].tolist()
    indices = data.draw(st.lists(st.integers(-n, n - 1), max_size=20))
    grid = np.array(indices, int)[:, None] * np.ones((1, 2), int)
    assert ids[grid].tolist() == array[grid].tolist()
    assert ids[grid].dtype == array.dtype == np.uint16
    assert int(ids[first % n]) == int(array[first % n])


def test_indices_beyond_the_end_are_refused(corpus: Path) -> None:
    ids = open_shards(corpus).train
    for index in (len(ids), -len(ids) - 1, np.array([0, len(ids)])):
        with pytest.raises(IndexError):
            ids[index]
    with pytest.raises(TypeError):
        ids[np.array([0.5])]


def test_an_empty_side_has_no_ids() -> None:
    ids = ShardedIds(Path("nowhere"), [], np.uint32)
    assert len(ids) == len(ids[:]) == 0
    assert np.asarray(ids).dtype == np.uint32


@given(st.lists(st.integers(1, 50), min_size=1, max_size=30), st.integers(1, 60))
def test_cuts_keep_documents_whole_and_shards_full(lengths: list[int], most: int) -> None:
    found = cut(np.array(lengths), most)
    assert [a for a, _ in found] == [0, *[b for _, b in found[:-1]]]
    assert found[-1][1] == len(lengths)
    for a, b in found:
        assert sum(lengths[a:b]) <= most or b == a + 1
        if b < len(lengths):
            assert sum(lengths[a : b + 1]) > most


FILES = ("train-00000.bin", "train-00001.bin", "val-00000.bin", "train-00002.idx")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("verified", [False, True])
def test_a_changed_byte_is_refused(corpus: Path, name: str, verified: bool) -> None:
    if verified:
        open_shards(corpus)
    path = corpus / name
    data = bytearray(path.read_bytes())
    data[3] ^= 1
    path.write_bytes(data)
    with pytest.raises(MinilmError, match=f"{name} has changed"):
        open_shards(corpus)


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_another_size_is_refused(corpus: Path, name: str) -> None:
    open_shards(corpus)
    path = corpus / name
    data = path.read_bytes()
    path.write_bytes(data[:-1])
    with pytest.raises(MinilmError, match=f"{name} is cut short: .* the manifest says"):
        open_shards(corpus)
    path.write_bytes(data + b"\0")
    with pytest.raises(MinilmError, match="is longer than it was"):
        open_shards(corpus)
    path.unlink()
    with pytest.raises(MinilmError, match="is named by the manifest: no such file"):
        open_shards(corpus)


@pytest.mark.parametrize("how", ["cut", "gone"])
def test_a_shard_that_shrinks_while_it_is_used_is_refused(corpus: Path, how: str) -> None:
    # Where a map has no file behind it, reading would kill the process.
    train = open_shards(corpus).train
    path = corpus / train.shards[1].file
    if how == "cut":
        os.truncate(path, path.stat().st_size - 1)
    else:
        path.unlink()
    why = "was cut short while it was in use" if how == "cut" else "no such file"
    first, end = train.starts[1:3].tolist()
    for read in (
        lambda: train[np.array([0, first])],
        lambda: train[first - 1 : first + 1],
        lambda: train.document(train.shards[0].documents),
        lambda: np.asarray(train),
    ):
        with pytest.raises(MinilmError, match=f"{train.shards[1].file}.*{why}"):
            read()
    # The others are as good as before.
    assert len(train[:first]) == first
    assert len(train[end:]) == len(train) - end


def test_digests_are_computed_once(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    true = checking.sha256
    monkeypatch.setattr(checking, "sha256", lambda path: calls.append(path) or true(path))
    open_shards(corpus)
    assert len(calls) == 1 + 2 * 4
    open_shards(corpus)
    assert len(calls) == 9
    os.utime(corpus / "train-00001.bin", (1, 1))
    open_shards(corpus)
    assert len(calls) == 18
    open_shards(corpus, verify=True)
    assert len(calls) == 27


def test_verify_finds_what_the_stamp_hides(corpus: Path) -> None:
    open_shards(corpus)
    path = corpus / "train-00000.bin"
    before = path.stat()
    data = bytearray(path.read_bytes())
    data[0] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    open_shards(corpus)
    with pytest.raises(MinilmError, match="has changed"):
        open_shards(corpus, verify=True)


def test_a_corpus_that_was_copied_is_whole(corpus: Path, tmp_path: Path) -> None:
    open_shards(corpus)
    copy = shutil.copytree(corpus, tmp_path / "copy")
    assert open_shards(copy).manifest.sha256 == open_shards(corpus).manifest.sha256


def test_another_tokenizer_is_refused(corpus: Path) -> None:
    shards = open_shards(corpus)
    shards.check_tokenizer(BytesTokenizer(), "here")
    for other in (BytesTokenizer(()), CharTokenizer.train(["abc"])):
        with pytest.raises(MinilmError, match=r"mine .* is not the tokenizer that made"):
            shards.check_tokenizer(other, "mine")
    CharTokenizer.train(["abc"]).save(corpus / "tokenizer.json")
    with pytest.raises(MinilmError, match=r"tokenizer\.json has changed"):
        open_shards(corpus)


def _edited(folder: Path, **changes: object) -> None:
    fields = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps(fields | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": "x"}, 'has no "format"'),
        ({"version": 2}, "has version 2, and this program reads 1"),
        ({"dtype": "float64"}, "dtype is 'float64'"),
        ({"vocab_size": 70_000}, "vocab_size is 70000"),
        ({"vocab_size": True}, "vocab_size is True"),
        ({"end_of_text": 257}, "end_of_text is 257"),
        ({"train": {}}, "'train' is missing or not a list"),
        ({"train": [{}]}, "is not sound"),
        ({"tokenizer_sha256": "../x"}, "is no SHA-256"),
        ({"surplus": 1}, "is not sound"),
        ({"provenance": {"minilm": "2"}}, "has changed: its content is not what its own digest"),
    ],
)
def test_a_manifest_that_was_edited_is_refused(
    corpus: Path, changes: dict[str, object], message: str
) -> None:
    _edited(corpus, **changes)
    with pytest.raises(MinilmError, match=message):
        open_shards(corpus)


@pytest.mark.parametrize("field", [{"name": "../../etc/x"}, {"tokens": -1}, {"sha256": "0"}])
def test_a_shard_that_leads_elsewhere_is_refused(corpus: Path, field: dict) -> None:
    train = json.loads((corpus / MANIFEST).read_text())["train"]
    train[0] |= field
    _edited(corpus, train=train)
    with pytest.raises(MinilmError, match="is not sound"):
        open_shards(corpus)


def test_what_is_no_corpus_is_told_apart(tmp_path: Path) -> None:
    assert not is_shards(tmp_path)
    with pytest.raises(MinilmError, match=r"it has no manifest\.json; check the path"):
        open_shards(tmp_path)
    (tmp_path / "work").mkdir()
    with pytest.raises(MinilmError, match="its build did not finish: run it again"):
        open_shards(tmp_path)
    with pytest.raises(MinilmError, match="no such folder"):
        open_shards(tmp_path / "none")


def test_a_file_is_whole_or_absent(tmp_path: Path) -> None:
    path = tmp_path / "a"

    def fail(path: Path) -> None:
        with whole(path) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail(path)
    assert not list(tmp_path.iterdir())
    with whole(path) as file:
        file.write(b"all")
    with pytest.raises(KeyboardInterrupt):
        fail(path)
    assert path.read_bytes() == b"all"
    with pytest.raises(MinilmError, match="cannot write"), whole(tmp_path / "no" / "a"):
        pass
