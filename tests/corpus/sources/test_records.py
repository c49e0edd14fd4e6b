from __future__ import annotations

import gzip
import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minilm.corpus.sources import Errors, SourceConfig, documents, parts, read
from minilm.errors import MinilmError


def write(folder, *lines: bytes | dict, name: str = "a.jsonl", end: bytes = b"\n"):
    made = [x if isinstance(x, bytes) else json.dumps(x).encode() for x in lines]
    data = b"\n".join(made) + end
    (folder / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return folder / name


def texts(path, on_error="skip", **options):
    errors = Errors()
    found = documents(SourceConfig("s", str(path), on_error=on_error, **options), errors)
    return [document.text for document in found], errors


def stopped(path, **options) -> str:
    with pytest.raises(MinilmError) as caught:
        texts(path, on_error="stop", **options)
    return str(caught.value)


def test_a_record_becomes_a_document(tmp_path):
    path = write(
        tmp_path,
        {"id": "x", "text": "one", "url": "u", "n": [1]},
        {"id": 7, "text": "two"},
        b"",
        b" \r",
        b'{"text": "three"}\r',
        {"id": "", "text": "four", "score": 1},
        end=b"",
    )
    found = list(documents(SourceConfig("s", str(path))))
    offset = path.read_bytes().index(b'{"text": "three"')
    last = path.read_bytes().index(b'{"id": ""')
    assert [(d.id, d.text, d.source, d.metadata) for d in found] == [
        ("x", "one", "s", {"url": "u", "n": [1]}),
        ("7", "two", "s", {}),
        (f"a.jsonl#{offset}", "three", "s", {}),
        (f"a.jsonl#{last}", "four", "s", {"score": 1}),
    ]
    chosen = SourceConfig("s", str(path), metadata_keys=("url", "score"))
    assert [d.metadata for d in documents(chosen)] == [{"url": "u"}, {}, {}, {"score": 1}]


@given(st.data())
def test_ranges_share_and_lose_no_line(tmp_path_factory, data):
    lengths = data.draw(st.lists(st.integers(0, 40), min_size=1, max_size=20))
    part_bytes = data.draw(st.integers(1, 60))
    end = data.draw(st.sampled_from([b"", b"\n"]))
    lines = [b"" if n == 0 else {"text": f"{i}" + "x" * n} for i, n in enumerate(lengths)]
    path = write(tmp_path_factory.mktemp("ranges"), *lines, end=end)
    source = SourceConfig("s", str(path))
    whole = [(d.id, d.text) for d in documents(source)]
    assert [text for _, text in whole] == [line["text"] for line in lines if line]
    found = [(d.id, d.text) for part in parts(source, part_bytes) for d in read(part)]
    assert found == whole


def test_places_count_from_the_beginning_of_the_file(tmp_path):
    good = {"text": "good"}
    path = write(tmp_path, *[good] * 50, b"{bad", *[good] * 50, b'{"a": 1}')
    for part_bytes in (10**9, 100, 17):
        errors = Errors()
        found = []
        for part in parts(SourceConfig("s", str(path), on_error="skip"), part_bytes):
            found += read(part, errors=errors)
        assert len(found) == 100
        assert errors.counts == {"json": 1, "key": 1}
        assert errors.examples["json"][0].startswith(f"{path}:51: not JSON: ")
        assert errors.examples["key"][0].startswith(f"{path}:102: no key 'text' but 'a'; ")


@pytest.mark.parametrize(
    ("line", "kind", "message"),
    [
        (b"{", "json", "2: not JSON: Expecting property name enclosed in double quotes at column"),
        (b"text", "json", "2: not JSON: Expecting value at column 1"),
        (b'{"text": "a"', "json", "2: not JSON: Expecting ',' delimiter at column 13"),
        (b'{"text": "a\0"}', "json", "2: not JSON: Invalid control character at at column 12"),
        (b"[1]", "json", "2: not a JSON object but a list"),
        (b"null", "json", "2: not a JSON object but null"),
        (b"[" * 100_000, "json", "2: not JSON of any use: nested too deeply"),
        (b'{"text": %s}' % (b"1" * 5000), "json", "2: not JSON of any use: Exceeds the limit"),
        (b"{}", "key", "2: no key 'text' but no keys; text_key names another"),
        (b'{"Text": "a", "b": 1}', "key", "2: no key 'text' but 'Text', 'b'; text_key names"),
        (b'{"text": null}', "key", "2: the key 'text' has null, not a text"),
        (b'{"text": 3.5}', "key", "2: the key 'text' has a number, not a text"),
        (b'{"text": ["a"]}', "key", "2: the key 'text' has a list, not a text"),
        (b'{"text": "\xe9"}', "encoding", "2: no utf-8: invalid continuation byte at byte 10"),
        (b'{"text": "\\ud800"}', "encoding", "2: an escape that is half a pair of surrogates"),
        (b'{"text": "a", "\\uDfff": 1}', "encoding", "2: an escape that is half a pair"),
    ],
)
def test_faulty_lines(tmp_path, line, kind, message):
    path = write(tmp_path, {"text": "one"}, line, {"text": "three"})
    assert stopped(path).startswith(f"{path}:{message}")
    found, errors = texts(path)
    assert found == ["one", "three"]
    assert errors.counts == {kind: 1}
    assert errors.examples[kind][0].startswith(f"{path}:{message}")
    found, errors = texts(path, on_error="replace")
    assert len(found) == (3 if kind == "encoding" else 2)
    assert errors.counts == {kind: 1}


def test_replaced_characters(tmp_path):
    path = write(
        tmp_path,
        b'{"text": "caf\xe9 \\ud83d\\ude00", "k": "\\ud800"}',
        b'{"text": "\\udc00\\ud83d\\ude00", "k": [{"\\ud800": "\\ud800"}]}',
    )
    source = SourceConfig("s", str(path), on_error="replace")
    one, two = documents(source)
    assert (one.text, one.metadata) == ("caf\ufffd 😀", {"k": "\ufffd"})
    assert (two.text, two.metadata) == ("\ufffd😀", {"k": [{"\ufffd": "\ufffd"}]})


def test_an_escaped_backslash_is_no_surrogate(tmp_path):
    path = write(tmp_path, {"text": "\\ud800 and \\\\ud800"})
    assert texts(path, on_error="stop")[0] == ["\\ud800 and \\\\ud800"]


def test_a_nul_that_json_spells_is_left_to_cleaning(tmp_path):
    assert texts(write(tmp_path, {"text": "a\0b"}), on_error="stop")[0] == ["a\0b"]


def test_an_id_that_was_asked_for_must_be_there(tmp_path):
    path = write(tmp_path, {"text": "a", "url": "u"}, {"text": "b"}, {"text": "c", "url": [1]})
    assert ":2: no key 'url' but 'text'; id_key names another; mend" in stopped(path, id_key="url")
    found, errors = texts(path, id_key="url")
    assert (found, errors.counts) == (["a"], {"key": 2})


def test_empty_texts_are_left_out(tmp_path):
    path = write(tmp_path, {"text": ""}, {"text": " \n\t"}, {"text": "a"})
    found, errors = texts(path, on_error="stop")
    assert (found, errors.counts) == (["a"], {"empty": 2})
    (tmp_path / "e.jsonl").write_bytes(b"")
    assert texts(tmp_path / "e.jsonl", on_error="stop")[0] == []


def test_long_texts_and_lines(tmp_path):
    lines = [{"text": "é" * n} for n in (50, 51)] + [{"text": "x", "y": "z" * 900}, {"text": "a"}]
    path = write(tmp_path, *lines)
    found, errors = texts(path, max_document_bytes=100)
    assert found == ["é" * 50, "a"]
    assert errors.counts == {"size": 2}
    assert errors.examples["size"] == [
        f"{path}:{n} is larger than max_document_bytes = 100" for n in (2, 3)
    ]


def test_a_byte_order_mark_and_other_encodings(tmp_path):
    path = write(tmp_path, b'\xef\xbb\xbf{"text": "a"}', b'\xef\xbb\xbf{"text": "a"}')
    found, errors = texts(path)
    assert (found, errors.counts) == (["a"], {"json": 1})
    path = write(tmp_path, b'{"text": "\xe9"}')
    assert texts(path, on_error="stop", encoding="latin-1")[0] == ["é"]


def test_a_cut_gzip_gives_its_whole_lines(tmp_path):
    lines = [{"text": f"{i} " + "ab" * (i % 7)} for i in range(400)]
    path = write(tmp_path, *lines, name="a.jsonl.gz")
    path.write_bytes(path.read_bytes()[:-100])
    found, errors = texts(path)
    assert 100 < len(found) < 400
    assert found == [line["text"] for line in lines[: len(found)]]
    assert errors.counts == {"compression": 1}
    assert "gzip is broken in the member at byte 0: it is cut" in stopped(path)


def test_members_after_a_broken_one_are_read(tmp_path):
    members = [
        gzip.compress(b"".join(b'{"text": "%d %d"}\n' % (k, i) for i in range(100)))
        for k in range(3)
    ]
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(members[0] + members[1][:-60] + members[2])
    found, errors = texts(path)
    assert [text for text in found if text[0] == "0"] == [f"0 {i}" for i in range(100)]
    assert [text for text in found if text[0] == "2"] == [f"2 {i}" for i in range(100)]
    middle = [text for text in found if text[0] == "1"]
    assert middle == [f"1 {i}" for i in range(len(middle))]
    assert len(middle) > 50
    assert errors.counts == {"compression": 1}


def noisy(k: int, n: int = 200) -> bytes:
    """Lines of one member, of words in an order without rule."""
    generator = random.Random(k)
    words = ["".join(generator.choices("etaoinshrdluécm", k=5)) for _ in range(400)]
    texts = [" ".join(generator.choices(words, k=200)) for _ in range(n)]
    return b"".join(
        json.dumps({"text": f"{k} {i} {t}"}).encode() + b"\n" for i, t in enumerate(texts)
    )


@pytest.mark.parametrize("on_error", ["skip", "replace"])
@pytest.mark.parametrize("fraction", [0.3, 0.6, 0.9])
def test_what_a_cut_member_garbles_is_no_fault_of_its_own(tmp_path, fraction, on_error):
    chain = [gzip.compress(noisy(k), 1) for k in range(9)]
    data = b"".join(c[: int(len(c) * fraction)] if k % 3 == 1 else c for k, c in enumerate(chain))
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(data)
    found, errors = texts(path, on_error=on_error)
    assert errors.counts == {"compression": 3}
    written = {json.loads(line)["text"] for k in range(9) for line in noisy(k).splitlines()}
    assert set(found) <= written
    whole = [text for text in found if int(text[0]) % 3 != 1]
    assert len(whole) == 6 * 200
    assert len(found) > len(whole) + 3 * 200 * (fraction - 0.1)
    assert "gzip is broken in the member at byte" in stopped(path)


def test_a_true_fault_in_a_cut_member_counts(tmp_path):
    first = noisy(0).replace(b'{"text": "0 7 ', b'{"text" "0 7 ')
    data = gzip.compress(first)
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(data[: len(data) * 2 // 3] + gzip.compress(noisy(1)))
    found, errors = texts(path)
    assert errors.counts == {"compression": 1, "json": 1}
    assert errors.examples["json"][0].startswith(f"{path}:8: ")
    assert sum(text[0] == "1" for text in found) == 200


def test_a_member_with_changed_bytes_is_believed_up_to_its_first_fault(tmp_path):
    path = tmp_path / "a.jsonl.gz"
    lines = [noisy(k).splitlines(keepends=True) for k in range(3)]
    lines[1][100] = b'{"text": "1 100\n'
    for level in (0, 6):
        data = bytearray(gzip.compress(b"".join(lines[1]), level))
        data[-8] ^= 1  # its checksum
        first, last = (gzip.compress(b"".join(lines[k])) for k in (0, 2))
        path.write_bytes(first + data + last)
        found, errors = texts(path)
        assert errors.counts == {"compression": 1}
        assert f"member at byte {len(first)}: near byte" in stopped(path)
        assert [text[0] for text in found] == ["0"] * 200 + ["1"] * 100 + ["2"] * 200


def test_lines_split_between_members(tmp_path):
    """The rest of a line whose beginning was lost is no fault of its own."""
    lines = noisy(0)
    members = [gzip.compress(lines[i : i + 40_001]) for i in range(0, len(lines), 40_001)]
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(b"".join([members[0], members[1][:-2000], *members[2:]]))
    found, errors = texts(path)
    assert errors.counts == {"compression": 1}
    assert found == sorted(set(found), key=found.index)
    assert found[-1].startswith("0 199 ")
    assert 150 < len(found) < 200


def test_a_file_that_shrinks_or_vanishes_between_parts(tmp_path):
    path = write(tmp_path, *[{"text": f"{i:03}"} for i in range(100)])
    cut = parts(SourceConfig("s", str(path), on_error="skip"), 500)
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[:1000])
    errors = Errors()
    found = [d.text for part in cut for d in read(part, errors=errors)]
    assert found == [f"{i:03}" for i in range(1000 // 16)]
    assert set(errors.counts) == {"changed"}
    assert errors.examples["changed"][0] == (
        f"{path} has 1000 bytes, but had {size} when it was listed"
    )
    path.unlink()
    with pytest.raises(MinilmError, match="vanished after it was listed"):
        list(read(cut[0], on_error="stop"))


def test_a_file_that_grows_gives_what_it_had(tmp_path):
    path = write(tmp_path, {"text": "one"}, b'{"text": "tw', end=b"")
    cut = parts(SourceConfig("s", str(path)))
    with open(path, "ab") as file:
        file.write(b'o"}\n{"text": "three"}\n')
    assert [d.text for d in read(cut[0])] == ["one", "two"]
