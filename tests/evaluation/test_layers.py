"""Vectors of every layer: means by hand, padding that does not show, texts in pieces."""

import numpy as np
import pytest

from minilm.evaluation import layers
from minilm.evaluation.embeddings import sentence_vectors
from minilm.evaluation.layers import layer_names, layer_vectors
from minilm.models.bert import BERT
from minilm.models.bert_config import BERTConfig
from minilm.models.config import GPTConfig
from minilm.models.gpt import GPT
from minilm.nn.block import Block

SIZES = {"vocab_size": 13, "block_size": 8, "n_layer": 2, "n_head": 2, "n_embd": 12}
BLOCKS = ["blocks.0", "blocks.1"]
MODELS = {
    "gpt": (GPT, GPTConfig(**SIZES), ["embedding", *BLOCKS, "final_norm"]),
    "rope": (GPT, GPTConfig(**SIZES, position="rope"), ["embedding", *BLOCKS, "final_norm"]),
    "bert": (BERT, BERTConfig(**SIZES), ["embedding", *BLOCKS]),
}


@pytest.fixture(params=MODELS)
def case(request):
    kind, config, names = MODELS[request.param]
    model = kind(config, dtype=np.float64, seed=1)
    model.parameters.values += np.random.default_rng(2).normal(
        0, 0.3, model.parameters.values.shape
    )
    return model, names


def _sequences(*lengths: int) -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    return [rng.integers(2, 13, n) for n in lengths]


def _by_hand(model, ids: np.ndarray, name: str) -> np.ndarray:
    """What goes into the first block, comes out of each, and comes out of the model."""
    inputs, outputs = [], []
    original = Block.forward

    def watched(self, x, **options):
        y, saved = original(self, x, **options)
        inputs.append(x[0].copy())
        outputs.append(y[0].copy())
        return y, saved

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Block, "forward", watched)
        last, _ = model.features(ids[None])
    found = {"embedding": inputs[0], "blocks.0": outputs[0], "blocks.1": outputs[1]}
    return {**found, "final_norm": last[0]}[name]


def test_each_is_the_mean_over_its_own_positions(case, monkeypatch) -> None:
    model, names = case
    assert layer_names(model) == names
    sequences = _sequences(5, 1, 8, 3, 0, 8, 2)
    for positions in (1, 20, 4096):
        monkeypatch.setattr(layers, "POSITIONS", positions)
        found = layer_vectors(model, sequences)
        assert list(found) == names
        for name in names:
            for row, ids in zip(found[name], sequences, strict=True):
                mean = _by_hand(model, ids, name).mean(axis=0) if len(ids) else 0
                np.testing.assert_allclose(row, mean, rtol=1e-9, atol=1e-12)


def test_the_last_is_what_sentence_vectors_are(case) -> None:
    model, names = case
    sequences = _sequences(4, 8)
    expected = sentence_vectors(model, sequences, normalize=False)
    np.testing.assert_allclose(layer_vectors(model, sequences)[names[-1]], expected, rtol=1e-9)


def test_long_texts_are_read_in_pieces(case) -> None:
    model, names = case
    (ids,) = _sequences(19)
    told = []
    found = layer_vectors(model, [ids], progress=told.append)
    for name in names:
        pieces = [_by_hand(model, ids[i : i + 8], name) for i in (0, 8, 16)]
        np.testing.assert_allclose(found[name][0], np.concatenate(pieces).mean(axis=0), rtol=1e-9)
    assert told[-1] == 1
