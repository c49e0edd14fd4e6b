"""One array, named views, and no way to detach one."""

import numpy as np
import pytest

from minilm import rng
from minilm.nn.linear import Linear
from minilm.nn.parameters import ALIGNMENT, Constant, Normal, Parameters, Scope


def _declared() -> Scope:
    scope = Scope()
    scope.parameter("gain", (3,), Constant(1.0))
    scope.parameter("matrix", (5, 7), Normal(0.5), decay=True)
    scope.parameter("bias", (2,), Constant(0.0))
    scope.parameter("table", (4, 4), Normal(0.1), decay=True)
    return scope


def test_views_share_the_one_array() -> None:
    parameters = Parameters(_declared().declared)
    for p in parameters:
        assert np.shares_memory(p.value, parameters.values)
        assert np.shares_memory(p.grad, parameters.gradients)
    parameters["matrix"].value[2, 3] = 42
    assert (parameters.values == 42).sum() == 1


def test_decay_is_a_prefix_and_views_do_not_overlap() -> None:
    parameters = Parameters(_declared().declared)
    for number, p in enumerate(parameters, start=1):
        p.grad[...] = number
    decaying, rest = np.split(parameters.gradients, [parameters.n_decay])
    assert set(decaying) == {0, 2, 4}
    assert set(rest) == {0, 1, 3}
    for number, p in enumerate(parameters, start=1):
        assert (p.grad == number).all()
    assert parameters.n_parameters == 3 + 35 + 2 + 16
    assert all(p.value.ctypes.data % 4 == 0 for p in parameters)
    offsets = [p.value.ctypes.data - parameters.values.ctypes.data for p in parameters]
    assert 4 * ALIGNMENT % 64 == 0
    assert all(offset % (4 * ALIGNMENT) == 0 for offset in offsets)
    assert parameters.values.size < parameters.n_parameters + 4 * ALIGNMENT


def test_spans_cover_the_array_one_behind_the_other() -> None:
    parameters = Parameters(_declared().declared)
    spans = [parameters.span(name) for name in ("matrix", "table", "gain", "bias")]
    sizes = [48, 16, 16, 16]  # whole multiples of the alignment
    assert [span.stop - span.start for span in spans] == sizes
    assert [span.start for span in spans] == [0, 48, 64, 80]
    assert parameters.values.size == 96


def test_iteration_keeps_the_order_of_computation() -> None:
    parameters = Parameters(_declared().declared)
    assert [p.name for p in parameters] == ["gain", "matrix", "bias", "table"]


def test_a_view_cannot_be_replaced() -> None:
    scope = Scope()
    layer = Linear(scope / "head", 2, 3)
    Parameters(scope.declared)
    with pytest.raises(AttributeError, match="bound once"):
        layer.weight = layer.bias
    with pytest.raises(AttributeError):
        layer.weight.value = np.zeros((2, 3))
    with pytest.raises(AttributeError):
        layer.weight.grad = np.zeros((2, 3))


def test_each_parameter_draws_from_its_own_stream() -> None:
    few = Scope()
    few.parameter("table", (4, 4), Normal(0.1), decay=True)
    alone = Parameters(few.declared, seed=3)["table"].value
    among = Parameters(_declared().declared, seed=3)["table"].value
    other = Parameters(_declared().declared, seed=4)["table"].value
    np.testing.assert_array_equal(alone, among)
    assert (among != other).all()


def test_initial_values_stay_as_they_are() -> None:
    """A seed gives the same model in every version, and no seed is seed 0."""
    drawn = rng.generator(3, 0, "initialise/table").normal(0.0, 0.1, (4, 4))
    found = Parameters(_declared().declared, np.float64, seed=3)["table"].value
    np.testing.assert_array_equal(found, drawn)
    default, zero = Parameters(_declared().declared), Parameters(_declared().declared, seed=0)
    np.testing.assert_array_equal(default.values, zero.values)
    assert default.values.dtype == np.float32


def test_declaring_or_allocating_twice_is_refused() -> None:
    scope = _declared()
    with pytest.raises(ValueError, match="gain is declared twice"):
        scope.parameter("gain", (3,), Constant(1.0))
    Parameters(scope.declared)
    with pytest.raises(ValueError, match="allocated already"):
        Parameters(scope.declared)


def test_first_not_finite_names_the_first_in_order_of_computation() -> None:
    parameters = Parameters(_declared().declared)
    assert parameters.first_not_finite() is None
    parameters["table"].grad[0, 0] = np.nan
    assert parameters.first_not_finite() == "the grad of table"
    parameters["matrix"].value[0, 0] = np.inf
    assert parameters.first_not_finite() == "the value of matrix"
