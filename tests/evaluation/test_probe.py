"""The probe: what is in a layer is found, what is not is not, and errors are by document."""

import numpy as np
import pytest

from minilm.evaluation.labelled import Example
from minilm.evaluation.probe import probe
from minilm.models.config import GPTConfig
from minilm.models.gpt import GPT
from minilm.tokenizers import BytesTokenizer


@pytest.fixture(scope="module")
def model() -> GPT:
    config = GPTConfig(vocab_size=257, block_size=16, n_layer=1, n_head=2, n_embd=16)
    return GPT(config, dtype=np.float64, seed=1)


def _examples(letters: dict[str, str], n: int, seed: int, each: int = 2) -> list[Example]:
    """Texts of a label's own letters."""
    rng = np.random.default_rng(seed)
    return [
        Example("".join(rng.choice(list(own), 20)), label, f"{seed}/{label}/{i // each}")
        for label, own in letters.items()
        for i in range(n)
    ]


EASY = {"x": "abcdef", "y": "uvwxyz", "z": "ghijkl"}
HARD = {"x": "abcdef", "y": "abcdef"}


def test_what_is_there_is_found_in_every_layer(model) -> None:
    other = GPT(model.config, dtype=np.float64, seed=2)
    training, test = _examples(EASY, 20, seed=0), _examples(EASY, 10, seed=1)
    told: list[float] = []
    found = probe(model, BytesTokenizer(), training, test, untrained=other, progress=told.append)
    assert found.labels == ("x", "y", "z")
    assert (found.training, found.test, found.test_documents) == (60, 30, 15)
    assert [layer.layer for layer in found.layers] == ["embedding", "blocks.0", "final_norm"]
    for layer in found.layers:
        assert layer.linear.value > 0.9
        assert layer.neighbours.value > 0.9
        assert layer.untrained.value > 0.9
    assert found.token_counts.value > 0.9
    assert found.most_common.value == pytest.approx(1 / 3)
    assert told == sorted(told)
    assert told[-1] == 1


def test_what_is_not_there_is_not_found(model) -> None:
    training, test = _examples(HARD, 60, seed=0), _examples(HARD, 60, seed=1)
    found = probe(model, BytesTokenizer(), training, test)
    for layer in found.layers:
        assert layer.untrained is None
        for estimate in (layer.linear, layer.neighbours):
            assert abs(estimate.value - 0.5) < 4 * estimate.error


def test_the_most_common_label_is_that_of_training_and_errors_are_by_document(model) -> None:
    training = _examples(EASY, 4, seed=0) + _examples({"y": "uvw"}, 4, seed=5)
    test = _examples({"x": "abc", "y": "uvw"}, 4, seed=1, each=4)
    found = probe(model, BytesTokenizer(), training, test)
    assert found.most_common == (0.5, 0.5)  # two documents, one all right and one all wrong
