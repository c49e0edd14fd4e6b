"""The loss and every gradient of masked tokens against `transformers`' BertForMaskedLM.

It computes the logits of all positions and ignores most of them; the objective runs the head
at the chosen positions only. In float64, relative to the scale of each tensor.
"""

from pathlib import Path

import numpy as np
import pytest

from tests.interop import models
from tests.interop.cases import CASES

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from minilm.backend import TWINS, using  # noqa: E402
from minilm.golden.states import copied  # noqa: E402
from minilm.interop import folder  # noqa: E402
from minilm.objectives.batch import IGNORED  # noqa: E402
from minilm.objectives.config import MASK, UNITS, MaskedTokensConfig  # noqa: E402
from minilm.objectives.masked_tokens import MaskedTokens  # noqa: E402
from minilm.tokenizers import CharTokenizer  # noqa: E402

pytestmark = pytest.mark.oracle

CASE = CASES["bert"]


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("twin", TWINS)
def test_loss_and_every_gradient(unit: str, twin: str, tmp_path: Path) -> None:
    models.save(CASE, models.build(CASE), tmp_path)
    with models.precision(np.float64):
        theirs = models.build(CASE, np.float64)
    # Else the input's share of the gradient of token 0, which pads, would be left out.
    theirs.bert.embeddings.word_embeddings.padding_idx = None
    found = folder.read(tmp_path, dtype=np.float64)
    ours, vocab_size = copied(found.model, np.float64), found.model.config.vocab_size
    letters = "".join(chr(0x4E00 + i) for i in range(vocab_size - 1))
    ids = np.random.default_rng(1).integers(0, vocab_size - 1, 400)
    objective = MaskedTokens(
        ids,
        ids,
        CharTokenizer(letters, (MASK,)),
        MaskedTokensConfig(unit=unit),
        batch_size=5,
        block_size=min(24, ours.config.block_size),
        seed=3,
    )
    batch = objective.batch(0)
    assert 5 <= batch.n_targets < batch.inputs.size / 3
    with using(twin):
        loss = objective.loss_and_gradients(ours, batch, batch.n_targets)

    with models.precision(np.float64):
        labels = torch.from_numpy(np.where(batch.targets == IGNORED, -100, batch.targets))
        out = theirs(input_ids=torch.from_numpy(batch.inputs), labels=labels)
        out.loss.backward()
    assert loss == pytest.approx(out.loss.item(), rel=1e-12)

    expected = {p.name: np.full(p.shape, np.nan) for p in ours.parameters}
    for piece in found.family.pieces(ours.config):
        grad = models.parameter(theirs, piece.tensor, found.family.prefix).grad.numpy()
        piece.put(expected[piece.parameter], slice(0, len(grad)), grad)
    for p in ours.parameters:
        scale = np.abs(expected[p.name]).max()
        assert scale > 0, p.name
        assert np.abs(p.grad - expected[p.name]).max() < 1e-9 * scale, p.name
