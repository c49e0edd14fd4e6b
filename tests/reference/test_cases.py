"""Every operation on all of its cases: what holds for each of them in the same way."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest

from minilm import reference
from minilm.errors import MinilmError
from minilm.gradient_check import check_operation, table
from minilm.reference.cases import OPERATIONS, cases


def operation(name):
    return importlib.import_module(f"minilm.reference.{name}")


def in_float32(value):
    return value.astype(np.float32) if getattr(value, "dtype", None) == np.float64 else value


def in_float64(value):
    return value.astype(np.float64) if getattr(value, "dtype", None) == np.float32 else value


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("seed", [0, 1])
def test_gradients(name, seed):
    rows = check_operation(name, seed=seed)
    assert rows
    assert all(row.ok for row in rows), "\n" + table(rows)


@pytest.mark.parametrize("name", OPERATIONS)
def test_declared_vanishing_gradients_vanish(name):
    vanishing = {
        (case.name, argument)
        for case in cases(name, np.random.default_rng(0))
        for argument in case.vanishing
    }
    largest = {(row.case, row.argument): row.largest for row in check_operation(name)}
    assert all(largest[place] == 0 for place in vanishing)


@pytest.mark.parametrize("name", OPERATIONS)
def test_float32_agrees_with_float64(name):
    op = operation(name)
    for case in cases(name, np.random.default_rng(1)):
        args32 = [in_float32(value) for value in case.args]
        y32, saved32 = op.forward(*args32, **case.kwargs)
        y64, saved64 = op.forward(*map(in_float64, args32), **case.kwargs)
        dy32 = np.random.default_rng(2).standard_normal(np.shape(y32), dtype=np.float32)
        if isinstance(y32, float):
            dy32 = float(dy32)
        gradients32 = op.backward(dy32, saved32)
        gradients64 = op.backward(in_float64(dy32), saved64)
        if not isinstance(gradients32, tuple):
            gradients32, gradients64 = (gradients32,), (gradients64,)
        # 64 roundings; and an exponent such as 500 is itself rounded in proportion to its size.
        finite = [np.abs(x[np.isfinite(x)]).max() for x in args32 if isinstance(x, np.ndarray)]
        tolerance = 2.0**-24 * (64 + max(finite))
        for a, b in zip((y32, *gradients32), (y64, *gradients64), strict=True):
            if a is None:
                continue
            if isinstance(a, np.ndarray):
                assert a.dtype == np.float32, case.name
            scale = max(np.max(np.abs(b)), 1e-3)
            assert np.max(np.abs(a - b)) <= tolerance * scale, case.name


@pytest.mark.parametrize("name", OPERATIONS)
def test_backward_is_linear_in_dy(name):
    op = operation(name)
    for case in cases(name, np.random.default_rng(3)):
        y, saved = op.forward(*case.args, **case.kwargs)
        dy = np.random.default_rng(4).standard_normal(np.shape(y))
        once, thrice = op.backward(dy, saved), op.backward(-3 * dy, saved)
        if not isinstance(once, tuple):
            once, thrice = (once,), (thrice,)
        for a, b in zip(once, thrice, strict=True):
            if a is not None:
                np.testing.assert_allclose(b, -3 * a, rtol=1e-12, atol=1e-12)


def test_same_generator_state_gives_same_cases():
    first, second = (list(cases("attention", np.random.default_rng(5))) for _ in range(2))
    assert [case.name for case in first] == [case.name for case in second]
    assert all(
        np.array_equal(a, b)
        for one, other in zip(first, second, strict=True)
        for a, b in zip(one.args, other.args, strict=True)
    )
    third = list(cases("attention", np.random.default_rng(6)))
    assert not np.array_equal(first[0].args[0], third[0].args[0])


def test_unknown_operation_names_the_nearest():
    with pytest.raises(MinilmError, match="did you mean 'attention'"):
        list(cases("atention", np.random.default_rng(0)))


def test_every_file_has_cases_and_a_place_in_the_reading_order():
    files = set(Path(reference.__file__).parent.glob("*.py"))
    differentiable = {path.stem for path in files if "\ndef backward(" in path.read_text()}
    # Mixed precision has no cases: difference quotients cannot follow rounding.
    mixed = {name for name in differentiable if name.endswith("_bf16")}
    assert set(OPERATIONS) == differentiable - mixed
    assert {name.removesuffix("_bf16") for name in mixed} < set(OPERATIONS)
    names = {path.stem for path in files} - {"__init__", "cases"}
    assert all(f"`{name}`" in reference.__doc__ for name in names)
