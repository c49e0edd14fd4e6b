"""Fields of a foreign configuration: their types, their limits, and those that are unknown."""

import pytest

from minilm.errors import MinilmError
from minilm.interop.fields import HARMLESS, Field, read

FIELDS = (
    Field("size", "n_embd"),
    Field("depth", "n_layer", 4),
    Field("rate", "dropout", 0.5, float),
    Field("tied", "tied_head", True, bool),
    Field("act", "activation", "relu", str, ("relu", "gelu")),
    Field("whole", "only false", False, bool, (False,)),
    Field("rope", "", {}, dict),
    Field("kinds", "", [], list),
)


def _read(raw: dict, ignore: tuple[str, ...] = ()) -> dict:
    return read(raw, FIELDS, "config.json", ignore)


def test_defaults_where_absent_or_null() -> None:
    defaults = {
        "size": 3, "depth": 4, "rate": 0.5, "tied": True,
        "act": "relu", "whole": False, "rope": {}, "kinds": [],
    }  # fmt: skip
    assert _read({"size": 3}) == defaults
    assert _read({"size": 3, **dict.fromkeys(list(defaults)[1:])}) == defaults


def test_values() -> None:
    raw = {
        "size": 0, "depth": -2, "rate": 1, "tied": False,
        "act": "gelu", "whole": False, "rope": {"a": [1]}, "kinds": ["b"],
    }  # fmt: skip
    found = _read(raw)
    assert found == raw
    assert type(found["rate"]) is float
    assert _read({"size": 1, "rate": 7})["rate"] == 7.0
    assert _read({"size": 1, "rate": 2**53 - 1})["rate"] == 2**53 - 1
    assert _read({"size": 2**31 - 1})["size"] == 2**31 - 1


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({}, "config.json: size is missing"),
        ({"size": None}, "config.json: size is missing"),
        ({"size": "3"}, "size = '3': expected a whole number"),
        ({"size": 3.0}, "size = 3.0: expected a whole number"),
        ({"size": True}, "size = True: expected a whole number"),
        ({"size": 2**31}, "size = 2147483648: too large"),
        ({"size": -(2**31)}, "too large"),
        ({"size": 1, "rate": "x"}, "rate = 'x': expected a number"),
        ({"size": 1, "rate": False}, "rate = False: expected a number"),
        ({"size": 1, "rate": 2**53}, "rate = 9007199254740992: expected a number"),
        ({"size": 1, "tied": 0}, "tied = 0: expected true or false"),
        ({"size": 1, "act": 7}, "act = 7: expected a text"),
        ({"size": 1, "rope": []}, "rope = []: expected an object"),
        ({"size": 1, "kinds": {}}, "kinds = {}: expected a list"),
        ({"size": 1, "act": "tanh"}, "act = 'tanh' is not supported; relu or gelu is"),
        ({"size": 1, "whole": True}, "whole = True is not supported; false is"),
        ({"size": 1, "new": 2}, "new = 2 is not supported, and may change the result"),
        ({"size": 1, "new": "on"}, "say so with --ignore new"),
        ({"size": 1, "new": True}, "new = True is not supported"),
        ({"size": 1, "new": 1}, "new = 1 is not supported"),
        ({"size": 1, "new": "x" * 58}, f"new = '{'x' * 58}' is not supported"),
        ({"size": 1, "new": "x" * 59}, f"new = '{'x' * 56}... is not supported"),
    ],
)
def test_refused(raw: dict, message: str) -> None:
    with pytest.raises(MinilmError) as caught:
        _read(raw)
    assert message in str(caught.value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("value", [None, False, 0, 0.0, "", [], {}])
def test_unknown_and_switched_off(value: object) -> None:
    assert "new" not in _read({"size": 1, "new": value})


def test_harmless() -> None:
    _read({"size": 1, **dict.fromkeys(HARMLESS, "anything")})


def test_ignored() -> None:
    assert _read({"size": 1, "new": 2}, ("new",))["size"] == 1
    assert _read({"size": 1, "act": "tanh"}, ("act",))["act"] == "relu"
    assert _read({"size": 1, "depth": "?"}, ("depth",))["depth"] == 4
    assert _read({"size": 1, "rope": {"a": 1, "b": 2}}, ("b",))["rope"] == {"a": 1}
    # What must be there is never passed over.
    assert _read({"size": 7}, ("size",))["size"] == 7
