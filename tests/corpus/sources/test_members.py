from __future__ import annotations

import gzip
import io
import random
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minilm.corpus.sources import members
from minilm.corpus.sources.problems import Mark

try:
    import zstandard
except ImportError:
    zstandard = None

TEXTS = [b"".join(b"%d,%d\n" % (k, i * i) for i in range(500)) for k in range(4)]


def compress(name: str, data: bytes) -> bytes:
    if name == "gzip":
        return gzip.compress(data, mtime=0)
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


def read(name: str, data: bytes, size: int | None = None) -> tuple[list[bytes | Mark], list[str]]:
    """The content between losses, and the reports."""
    found: list[str] = []
    blocks = members.decompressed(
        io.BytesIO(data),
        len(data) if size is None else size,
        "f",
        members.codec(name),
        lambda kind, message: found.append(f"{kind}: {message}"),
    )
    joined: list[bytes | Mark] = [b""]
    for block in blocks:
        if isinstance(block, Mark):
            joined += [block, b""]
        else:
            joined[-1] += block
    return joined, found


both = pytest.mark.parametrize(
    "name",
    [
        "gzip",
        pytest.param("zstd", marks=pytest.mark.skipif(zstandard is None, reason="needs zstandard")),
    ],
)


@both
def test_a_chain_is_the_content_of_its_members(name):
    data = b"".join(compress(name, text) for text in [*TEXTS, b"", b"end"])
    assert read(name, data) == ([b"".join(TEXTS) + b"end"], [])


@both
def test_members_larger_than_a_step(name):
    rows = b"".join(b"%x," % (i * 2654435761 % 2**32) for i in range(60_000))
    data = compress(name, rows)
    assert len(data) > 2 * members.codec(name).step
    assert read(name, data + data) == ([rows + rows], [])


@given(st.data())
@both
def test_a_cut_member_gives_what_it_has(name, data):
    whole = compress(name, TEXTS[0]), compress(name, TEXTS[1])
    cut = data.draw(st.integers(1, len(whole[1]) - 1))
    (content, missing, after), found = read(name, whole[0] + whole[1][:cut])
    assert content.startswith(TEXTS[0])
    assert (TEXTS[0] + TEXTS[1]).startswith(content)
    assert (missing, after) == (Mark.LOST, b"")
    assert len(found) == 1
    kind = "member" if name == "gzip" else "frame"
    assert found[0].startswith(f"compression: f: {name} is broken in the {kind} at byte")
    assert f"at byte {len(whole[0])}: it is cut" in found[0]


@given(st.data())
@both
def test_members_after_a_cut_one_are_found(name, data):
    first, middle, last = (compress(name, text) for text in TEXTS[:3])
    cut = data.draw(st.integers(20, len(middle) - 1))
    contents, found = read(name, first + middle[:cut] + last)
    assert contents[0].startswith(TEXTS[0])
    assert contents[-1].endswith(TEXTS[2])
    assert Mark.LOST in contents
    assert any(f"at byte {len(first)}: " in message for message in found)
    if name == "gzip":
        # Nothing that the decompressor makes of the member that follows.
        given_ = zlib.decompressobj(31).decompress(middle[:cut])
        assert contents == [TEXTS[0] + given_, Mark.LOST, TEXTS[2]]


def mixed(seed: int, n_bytes: int) -> bytes:
    """Words in an order without rule: their members decompress to rubbish at length."""
    generator = random.Random(seed)
    words = [
        bytes(generator.choices(b"etaoinshrdlucm\n", k=generator.randint(2, 9))) for _ in range(999)
    ]
    found = bytearray()
    while len(found) < n_bytes:
        found += generator.choice(words) + b" "
    return bytes(found)


@pytest.mark.parametrize("fraction", [0.2, 0.5, 0.8])
@both
def test_no_rubbish_however_long_the_next_member_passes_for_the_rest(name, fraction):
    texts = [mixed(k, 400_000) for k in range(8)]
    chain = [compress(name, text) for text in texts]
    # Every other one is cut.
    data = b"".join(c[: int(len(c) * fraction)] if k % 2 else c for k, c in enumerate(chain))
    contents, found = read(name, data)
    assert [message.partition(":")[0] for message in found] == ["compression"] * 4
    assert contents[0].startswith(texts[0])
    for k in range(0, 6, 2):
        joined = contents[k]
        assert joined.startswith(texts[k])
        assert texts[k + 1].startswith(joined[len(texts[k]) :])
    assert contents[-1] == b""


@both
def test_cut_members_in_a_row(name):
    texts = [mixed(k, 300_000) for k in range(4)]
    chain = [compress(name, text) for text in texts]
    cuts = [c[: len(c) * 3 // 4] for c in chain[:3]]
    contents, found = read(name, b"".join([*cuts, chain[3]]))
    assert len(found) == 3
    assert [m for m in contents if isinstance(m, Mark)] == [Mark.LOST] * 3
    for text, content in zip(texts, contents[::2], strict=True):
        assert text.startswith(content)
        assert len(content) > len(text) // 3


@both
def test_a_large_member_is_read_twice_and_may_change_between(name, monkeypatch):
    monkeypatch.setattr(members, "_HELD", 100_000)
    text = mixed(0, 400_000)
    data = compress(name, text)
    assert read(name, data + data) == ([text + text], [])
    file, found = io.BytesIO(data), []
    blocks = members.decompressed(
        file, len(data), "f", members.codec(name), lambda kind, message: found.append(kind)
    )
    first = next(blocks)
    file.truncate(len(data) // 2)
    *rest, last = blocks
    assert text.startswith(first + b"".join(rest))
    assert (last, found) == (Mark.LOST, ["changed"])


@given(st.data())
@both
def test_a_changed_byte_is_noticed(name, data):
    """Of gzip, the time and name in a header are not covered by its checksum."""
    first, middle, last = (compress(name, text) for text in TEXTS[:3])
    at = data.draw(st.integers(10 if name == "gzip" else 4, len(middle) - 1))
    changed = bytearray(middle)
    changed[at] ^= data.draw(st.integers(1, 255))
    contents, found = read(name, first + bytes(changed) + last)
    if name == "gzip" or found:
        assert found
        assert Mark.LOST in contents
        assert contents[0].startswith(TEXTS[0])
        assert contents[-1].endswith(TEXTS[2])
    else:  # a field that changes nothing, such as the unused bit of a frame's header
        assert contents == [b"".join(TEXTS[:3])]


@both
def test_what_is_not_compressed_at_all(name):
    contents, found = read(name, b"plain text, not compressed")
    assert contents == [b"", Mark.DOUBTFUL, b"", Mark.LOST, b""]
    assert len(found) == 1
    assert "at byte 0: near byte 26: " in found[0]


@both
def test_rubbish_between_members_is_passed(name):
    first, last = (compress(name, text) for text in TEXTS[:2])
    magic = members.codec(name).magic
    contents, found = read(name, first + b"rubbish" + magic + b"\xff" * 9 + last)
    assert contents == [TEXTS[0], Mark.DOUBTFUL, b"", Mark.LOST, TEXTS[1]]
    assert len(found) == 1


@both
def test_the_byte_after_a_fault_may_begin_a_member(name):
    contents, found = read(name, b"x" + compress(name, TEXTS[0]))
    assert [text for text in contents if not isinstance(text, Mark)][-1] == TEXTS[0]
    assert len(found) == 1


def test_padding_is_no_fault():
    assert read("gzip", gzip.compress(b"a") + bytes(3_000_000)) == ([b"a"], [])
    assert read("gzip", b"") == ([b""], [])
    assert len(read("gzip", bytes(512))[1]) == 1


def test_a_magic_across_two_blocks_is_found():
    last = gzip.compress(TEXTS[1])
    for shift in (-2, -1, 0, 1):
        # The search begins at byte 1 and reads 2**20 bytes at a time.
        rubbish = b"x" * (2**20 + 1 + shift)
        assert read("gzip", rubbish + last)[0] == [b"", Mark.DOUBTFUL, b"", Mark.LOST, TEXTS[1]]


@both
def test_a_file_that_shrank_is_reported_once(name):
    data = compress(name, TEXTS[0]) + compress(name, TEXTS[1])
    contents, found = read(name, data[:-50], size=len(data))
    assert contents[-2:] == [Mark.LOST, b""]
    assert found == [
        f"changed: f has {len(data) - 50} bytes, but had {len(data)} when it was listed"
    ]
    cut_at_the_end_of_one = compress(name, TEXTS[0])
    _, found = read(name, cut_at_the_end_of_one, size=len(data))
    assert [message[:7] for message in found] == ["changed"]


@pytest.mark.skipif(zstandard is None, reason="needs zstandard")
def test_skippable_frames():
    skippable = b"\x50\x2a\x4d\x18\x04\x00\x00\x00abcd"
    assert read("zstd", skippable + compress("zstd", b"text") + skippable) == ([b"text"], [])


@both
def test_blocks_stay_small_whatever_was_compressed(name):
    data = compress(name, bytes(150_000_000))
    blocks = members.decompressed(
        io.BytesIO(data), len(data), "f", members.codec(name), lambda kind, message: None
    )
    sizes = [len(block) for block in blocks]
    assert sum(sizes) == 150_000_000
    assert max(sizes) <= 2**26
