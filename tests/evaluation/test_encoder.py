"""Texts to vectors."""

import numpy as np

from minilm.evaluation.embeddings import sentence_vectors
from minilm.evaluation.encoder import Encoder
from minilm.models.bert import BERT
from minilm.models.bert_config import BERTConfig
from minilm.tokenizers.byte import BytesTokenizer


def test_vectors_of_texts() -> None:
    config = BERTConfig(vocab_size=257, block_size=6, n_layer=1, n_head=2, n_embd=8)
    model = BERT(config, seed=1)
    encoder = Encoder(model, BytesTokenizer())
    vectors = encoder.embed(["abc", "abcdefgh"], normalize=False)
    ids = [np.array([97, 98, 99]), np.array([97, 98, 99, 100, 101, 104])]  # the last one stays
    np.testing.assert_array_equal(vectors, sentence_vectors(model, ids, normalize=False))
    assert not np.allclose(np.linalg.norm(vectors, axis=1), 1)
    np.testing.assert_allclose(np.linalg.norm(encoder.embed(["abc"]), axis=1), 1, rtol=1e-6)
