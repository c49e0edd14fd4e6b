"""Batches: what is predicted, and what cannot be."""

import numpy as np
import pytest

from minilm.errors import MinilmError
from minilm.golden.inputs import IGNORED, Inputs
from tests.golden.configs import small_model


def drawn(name: str, **sizes: int) -> Inputs:
    sizes = {"n_batches": 4, "batch_size": 3, "positions": 9, **sizes}
    return Inputs.drawn(small_model(name), **sizes)


def test_causal_models_predict_the_next_token() -> None:
    arrays = drawn("gpt2").arrays
    assert arrays.keys() == {"tokens", "targets"}
    assert arrays["tokens"].shape == arrays["targets"].shape == (4, 3, 9)
    np.testing.assert_array_equal(arrays["tokens"][:, :, 1:], arrays["targets"][:, :, :-1])
    assert set(arrays["tokens"].flat) == set(range(13))


def test_encoders_predict_some_of_what_is_not_padding() -> None:
    arrays = drawn("bert", n_batches=20).arrays
    tokens, targets, mask = arrays["tokens"], arrays["targets"], arrays["key_mask"] != 0
    chosen = targets != IGNORED
    np.testing.assert_array_equal(tokens[chosen], targets[chosen])
    assert not (chosen & ~mask).any()
    lengths = mask.sum(axis=2)
    np.testing.assert_array_equal(chosen.sum(axis=2), np.maximum(1, np.round(0.15 * lengths)))
    assert (lengths[:, 0] == 9).all()
    assert {*lengths[:, 1:].flat} == set(range(5, 10))
    assert (np.diff(mask.astype(int), axis=2) <= 0).all(), "padding stands at the end"
    assert (tokens[~mask] == 0).all()
    types = arrays["token_types"]
    assert set(types.flat) == {0, 1}
    assert not (types.astype(bool) & ~mask).any()


def test_without_a_head_features_are_wanted() -> None:
    arrays = drawn("headless").arrays
    assert arrays.keys() == {"tokens", "key_mask", "wanted"}
    assert arrays["wanted"].shape == (4, 3, 9, 12)
    mask = arrays["key_mask"] != 0
    assert (arrays["tokens"][mask] != 1).all(), "1 is the id of padding"
    assert (arrays["tokens"][~mask] == 1).all()


def test_draws_are_a_function_of_the_seed() -> None:
    model = small_model("bert")
    one, same, other = (
        Inputs.drawn(model, n_batches=2, batch_size=2, positions=8, seed=seed).arrays
        for seed in (1, 1, 2)
    )
    for name in one:
        np.testing.assert_array_equal(one[name], same[name])
    assert (one["tokens"] != other["tokens"]).any()


TOKENS = np.zeros((1, 2, 3), np.int64)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"tokens": TOKENS}, "with input.targets or input.wanted"),
        ({"targets": TOKENS}, "input.tokens is needed"),
        ({"tokens": TOKENS, "targets": TOKENS[:, :, :2]}, "input.targets has the shape (1, 2, 2)"),
        ({"tokens": TOKENS[0], "targets": TOKENS[0]}, "not (N, B, T)"),
        ({"tokens": TOKENS[:0], "targets": TOKENS[:0]}, "not (N, B, T)"),
        ({"tokens": TOKENS, "targets": TOKENS, "other": TOKENS}, "input.other is no input"),
        ({"tokens": TOKENS + 0.5, "targets": TOKENS}, "input.tokens holds float64 and not int64"),
        ({"tokens": TOKENS, "wanted": TOKENS[..., None]}, "holds int64 and not floats"),
    ],
)  # fmt: skip
def test_what_is_no_batch_is_refused(arrays: dict, message: str) -> None:
    with pytest.raises(MinilmError) as error:
        Inputs(arrays)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("name", "arrays", "message"),
    [
        ("gpt2", {"tokens": TOKENS + 13, "targets": TOKENS}, "input.tokens from 13 to 13"),
        ("gpt2", {"tokens": TOKENS, "targets": TOKENS - 1}, "input.targets from -1 to -1"),
        ("gpt2", {"tokens": TOKENS, "targets": TOKENS - 100}, None),
        ("gpt2", {"tokens": TOKENS, "wanted": np.ones((1, 2, 3, 12))}, "needs input.targets"),
        ("headless", {"tokens": TOKENS, "targets": TOKENS}, "needs input.wanted"),
        ("headless", {"tokens": TOKENS, "wanted": np.ones((1, 2, 3, 4))}, "12 channels"),
        ("gpt2", {"tokens": TOKENS, "targets": TOKENS, "token_types": TOKENS}, "causal"),
        ("gpt2", {"tokens": np.zeros((1, 1, 10), int), "targets": np.zeros((1, 1, 10), int)},
         "10 positions do not fit model.block_size = 9"),
    ],
)  # fmt: skip
def test_what_the_model_cannot_take_is_refused(name: str, arrays: dict, message: str) -> None:
    inputs = Inputs(arrays)
    if message is None:
        inputs.check_fits(small_model(name))
        return
    with pytest.raises(MinilmError) as error:
        inputs.check_fits(small_model(name))
    assert message in str(error.value)
