"""Headers of safetensors files, sound and not; the library itself is the second opinion.

``MINILM_EXAMPLES=10000 python -m pytest tests/interop/test_tensor_header.py`` takes its time.
"""

import json
import os
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, example, given, settings
from safetensors import SafetensorError, safe_open

from minilm.storage import tensor_header

EXAMPLES = int(os.environ.get("MINILM_EXAMPLES", "400"))
# Where we refuse what the library opens: nothing is lost, and no two readers can differ.
STRICTER = ("twice", "and only these", "not Unicode", "more than any memory", "at most 64 sizes")


def tensor(dtype: Any, shape: Any, start: Any, stop: Any) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, stop]}


def pair(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    return {"a": first, "b": second}


EIGHT = tensor("F32", [2], 0, 8)
FAULTS = [
    (b'{"a": ', 0, "its header: not JSON"),
    (b"[]", 0, "its header: not a JSON object"),
    (b"\xff{}", 0, "its header: not UTF-8"),
    (b'{"a": {}, "a": {}}', 0, "its header: the key 'a' stands in it twice"),
    ({"__metadata__": "x"}, 0, "__metadata__ is not an object of texts"),
    ({"__metadata__": {"x": 1}}, 0, "__metadata__ is not an object of texts"),
    ({"a": 5}, 8, "a: its entry does not have"),
    ({"a": {"dtype": "F32", "shape": [2]}}, 8, "a: its entry does not have"),
    ({"a": EIGHT | {"order": "F"}}, 8, "a: its entry does not have"),
    ({"a": tensor("F31", [2], 0, 8)}, 8, "a: unknown dtype 'F31'"),
    ({"a": tensor(["F32"], [2], 0, 8)}, 8, "a: unknown dtype"),
    ({"a": tensor("F32", 2, 0, 8)}, 8, "a: shape is not a list"),
    ({"a": tensor("F32", [-2], 0, 8)}, 8, "a: shape is not a list"),
    ({"a": tensor("F32", [-1, -2], 0, 8)}, 8, "a: shape is not a list"),
    ({"a": tensor("F32", [2.0], 0, 8)}, 8, "a: shape is not a list"),
    ({"a": tensor("F32", [True, 2], 0, 8)}, 8, "a: shape is not a list"),
    ({"a": tensor("F32", [2**64 + 2], 0, 8)}, 8, "a: shape is not a list"),
    ({"a": tensor("F32", [1] * 65, 0, 4)}, 4, "a: shape is not a list"),
    ({"a": tensor("F32", [2**62, 4], 0, 8)}, 8, "a: the sizes of its shape multiply"),
    ({"a": tensor("F32", [2**62 + 1, 2], 0, 8)}, 8, "a: the sizes of its shape multiply"),
    ({"a": tensor("F32", [0, 2**62], 0, 0)}, 0, "a: the sizes of its shape multiply"),
    ({"a": tensor("F32", [2], -8, 0)}, 8, "a: data_offsets is not"),
    ({"a": tensor("F32", [2], 8, 0)}, 8, "a: data_offsets is not"),
    ({"a": tensor("F32", [2], 0, "8")}, 8, "a: data_offsets is not"),
    ({"a": EIGHT | {"data_offsets": [0, 4, 8]}}, 8, "a: data_offsets is not"),
    ({"a": tensor("F32", [1], 0, 8)}, 8, r"a: F32 of shape \(1,\) takes 4 bytes, but it has 8"),
    ({"a": tensor("BF16", [3, 2], 0, 8)}, 8, "takes 12 bytes, but it has 8"),
    ({"a": tensor("F4", [3], 0, 1)}, 1, "takes 12 bits, but it has 1"),
    (pair(EIGHT, tensor("F32", [1], 4, 8)), 8, "b overlaps a: byte 4"),
    (pair(EIGHT, tensor("F32", [0], 4, 4)), 8, "b overlaps a: byte 4"),
    (pair(EIGHT, EIGHT), 8, "b overlaps a: byte 0"),
    (pair(EIGHT, tensor("F32", [1], 12, 16)), 16, "4 bytes between a and b belong to no tensor"),
    ({"a": tensor("F32", [2], 4, 12)}, 12, "4 bytes between the header and a"),
    ({"a": EIGHT}, 7, "a ends at byte 8 of the data, which has 7"),
    ({"a": EIGHT}, 9, "1 bytes after a belong to no tensor"),
    ({}, 9, "9 bytes after the header belong to no tensor"),
    ({"n" * 10_000: 5}, 0, "^nnn.{0,200}$"),
]


@pytest.mark.parametrize(("header", "n_bytes", "fault"), FAULTS)
def test_faults(tmp_path: Path, header: Any, n_bytes: int, fault: str) -> None:
    data = header if isinstance(header, bytes) else json.dumps(header).encode()
    with pytest.raises(ValueError, match=fault) as caught:
        tensor_header.parse(data, n_bytes)
    if not any(phrase in str(caught.value) for phrase in STRICTER):
        assert _library(tmp_path, data, n_bytes) is None, "the library opens this"


@pytest.mark.parametrize(
    ("header", "n_bytes", "shapes"),
    [
        ({}, 0, {}),
        ({"__metadata__": {"format": "pt"}}, 0, {}),
        ({"__metadata__": None}, 0, {}),
        ({"a": tensor("F32", [], 0, 4)}, 4, {"a": ()}),
        ({"a": tensor("F64", [3, 0], 0, 0)}, 0, {"a": (3, 0)}),
        (pair(tensor("F32", [1], 4, 8), tensor("I32", [1], 0, 4)), 8, {"b": (1,), "a": (1,)}),
        (pair(EIGHT, tensor("F32", [0], 8, 8)), 8, {"a": (2,), "b": (0,)}),
        (pair(EIGHT, tensor("F32", [0], 0, 0)), 8, {"b": (0,), "a": (2,)}),
        ({"": EIGHT}, 8, {"": (2,)}),
        ({"a": tensor("F8_E4M3", [8], 0, 8)}, 8, {"a": (8,)}),
    ],
)
def test_sound(tmp_path: Path, header: dict, n_bytes: int, shapes: dict) -> None:
    data = json.dumps(header).encode()
    entries, metadata = tensor_header.parse(data, n_bytes)
    assert [(name, entry.shape) for name, entry in entries.items()] == list(shapes.items())
    assert metadata == (header.get("__metadata__") or {})
    assert _library(tmp_path, data, n_bytes) == {n: (e.dtype, e.shape) for n, e in entries.items()}


def _library(folder: Path, header: bytes, n_bytes: int) -> dict[str, Any] | None:
    """What the library finds, or None where it refuses."""
    path = folder / "library.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(n_bytes))
    try:
        with safe_open(path, "np") as file:
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
            return {n: (s.get_dtype(), tuple(s.get_shape())) for n, s in slices.items()}
    except SafetensorError:
        return None


NUMBERS = st.one_of(
    st.integers(0, 24),
    st.sampled_from([-1, 2**31, 2**32, 2**61, 2**62, 2**63 - 1, 2**63, 2**64, 2**65, 1.0, True]),
)
ODD = st.one_of(st.none(), st.booleans(), st.floats(), st.text(max_size=3), st.just([]))
SOME_DTYPES = st.sampled_from(["F32", "BF16", "F16", "F64", "I64", "U8", "BOOL", "F8_E4M3", "C64"])
ENTRIES = st.one_of(
    st.fixed_dictionaries(
        {
            "dtype": st.one_of(SOME_DTYPES, st.text(max_size=3)),
            "shape": st.one_of(st.lists(NUMBERS, max_size=3), ODD),
            "data_offsets": st.one_of(st.lists(NUMBERS, min_size=2, max_size=2), ODD),
        },
        optional={"more": ODD},
    ),
    # Right in itself, so that the offsets of several are what is tried.
    st.tuples(st.integers(0, 5), st.integers(0, 3)).map(
        lambda place: tensor("U16", [place[1]], 2 * place[0], 2 * (place[0] + place[1]))
    ),
    ODD,
)
NAMES = st.one_of(st.sampled_from(["a", "b", "c", "__metadata__"]), st.text(max_size=3))
HEADERS = st.one_of(
    st.dictionaries(NAMES, ENTRIES, max_size=4).map(lambda found: json.dumps(found).encode()),
    st.lists(st.tuples(NAMES, ENTRIES), max_size=3).map(  # keys may stand twice
        lambda found: (
            "{" + ",".join(f"{json.dumps(k)}:{json.dumps(v)}" for k, v in found) + "}"
        ).encode()
    ),
    st.binary(max_size=30),
)


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(HEADERS, st.integers(0, 24))
@example(b" {}", 0)
@example(b"{}  ", 0)
@example(b"\xef\xbb\xbf{}", 0)
def test_random_headers_as_the_library_reads_them(
    tmp_path: Path, header: bytes, n_bytes: int
) -> None:
    found = _library(tmp_path, header, n_bytes)
    entries = _parsed(header, n_bytes)
    if isinstance(entries, str):
        assert len(entries) < 1000
        assert found is None or any(phrase in entries for phrase in STRICTER), entries
        return
    assert found == {name: (entry.dtype, entry.shape) for name, entry in entries.items()}
    reached = 0
    for entry in entries.values():
        assert entry.start == reached
        reached = entry.stop
    assert reached == n_bytes


def _parsed(header: bytes, n_bytes: int) -> dict[str, tensor_header.Entry] | str:
    try:
        return tensor_header.parse(header, n_bytes)[0]
    except ValueError as error:
        return str(error)
