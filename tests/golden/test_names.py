"""Names, their order, and the letters of their axes."""

import pytest

from minilm.golden.inputs import Inputs
from minilm.golden.names import axes, backward_order, letters, role, step_names, step_of
from minilm.golden.states import forward
from minilm.models.bert_config import BERTConfig
from minilm.models.config import GPTConfig
from minilm.nn.taps import Taps
from tests.golden.configs import SMALL, small_model


def test_gradients_come_as_the_backward_pass_finds_them() -> None:
    values = ["token_embedding", "blocks.0.norm_1", "blocks.0", "head"]
    parameters = ["token_embedding.weight", "blocks.0.norm_1.weight", "blocks.0.norm_1.bias", "odd"]
    assert backward_order(values, parameters) == [
        "gradient.value.head",
        "gradient.value.blocks.0",
        "gradient.value.blocks.0.norm_1",
        "gradient.parameter.blocks.0.norm_1.weight",
        "gradient.parameter.blocks.0.norm_1.bias",
        "gradient.value.token_embedding",
        "gradient.parameter.token_embedding.weight",
        "gradient.parameter.odd",
    ]


def test_steps_count_from_one() -> None:
    names = step_names(2, ["a"])
    assert names == ["step.2.loss", "step.2.gradient_norm", "step.2.learning_rate",
                     "step.2.parameter.a"]  # fmt: skip
    assert {role(name) for name in names} == {"step"}
    assert {step_of(name) for name in names} == {2}
    assert step_of("step.x.loss") == step_of("parameter.step.1.x") == 0


@pytest.mark.parametrize("name", SMALL)
def test_every_axis_has_a_letter(name: str) -> None:
    model = small_model(name)
    taps = Taps()
    inputs = Inputs.drawn(model, n_batches=1, batch_size=3, positions=7)
    forward(model, inputs.batch(0), taps)
    sizes = letters(model.config, 3, 7)
    known = {*sizes, "(H+2K)D", "HD", "2F", "P", "types"}
    shapes = {f"value.{key}": value.shape for key, value in taps.values.items()}
    shapes |= {f"parameter.{p.name}": p.shape for p in model.parameters}
    for full, shape in shapes.items():
        found = axes(full, shape, sizes)
        assert len(found) == len(shape), full
        assert set(found) <= known, full
        assert found == axes(f"gradient.{full}", shape, sizes)


def test_the_letters_are_those_of_the_model() -> None:
    config = GPTConfig(vocab_size=5, block_size=8, n_layer=3, n_head=4, n_kv_head=2, n_embd=16)
    assert letters(config, 2, 7) == {
        "B": 2, "T": 7, "S": 7, "C": 16, "H": 4, "K": 2, "D": 4, "F": 64, "V": 5, "L": 3
    }  # fmt: skip
    config = GPTConfig(vocab_size=5, n_head=4, n_embd=16, head_dim=8, activation="swiglu")
    sizes = letters(config, 2, 7)
    for name, shape, expected in (
        ("attention.projection.weight", (32, 16), ["HD", "C"]),
        ("attention.qkv.bias", (96,), ["(H+2K)D"]),
        ("mlp.up.weight", (16, 2 * sizes["F"]), ["C", "2F"]),
        ("mlp.down.weight", (sizes["F"], 16), ["F", "C"]),
        ("final_norm.weight", (16,), ["C"]),
    ):
        full = f"step.3.parameter.blocks.0.{name}"
        assert axes(full, shape, sizes) == expected, name
    assert letters(BERTConfig(vocab_size=5, n_head=4, n_embd=16), 2, 7)["K"] == 4


def test_unknown_shapes_are_numbers() -> None:
    sizes = letters(GPTConfig(vocab_size=5, n_head=4, n_embd=16), 2, 7)
    assert axes("value.other", (2, 7, 9), sizes) == ["B", "T", "9"]
    assert axes("value.other", (3, 3), sizes) == ["3", "3"]
    assert axes("loss", (), sizes) == []
