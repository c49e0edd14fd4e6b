"""A whole evaluation of a small run: its figures by other ways, and what is refused."""

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest

import minilm
from minilm.backend import using
from minilm.errors import MinilmError
from minilm.evaluation import labelled, modules, packages
from minilm.evaluation.ngram import WittenBell
from minilm.recipes import Recipe, evaluating, override
from minilm.recipes.evaluating import evaluate
from minilm.recipes.loading import load_parts
from minilm.recipes.text import prepare

SMALL = ["n_layer=1", "n_head=2", "n_embd=16", "block_size=16", "steps=20", "batch_size=4"]
SMALL += ["evaluate_every=10", "warmup_steps=5", "sample.max_tokens=0", "seed=3"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evaluating")
    (folder / "texts").mkdir()
    for i in range(30):
        text = "".join(f"{n} plus {i} is {n + i}.\n" for n in range(10 + i % 7))
        (folder / "texts" / f"{i}.txt").write_text(text)
    recipe = override(Recipe(), [*SMALL, f"source={folder / 'texts'}"])
    with using("reference"):
        minilm.pretrain(recipe, out=folder / "run")
    return folder


def _evaluate(place: Path, **options):
    with using("reference"):
        return evaluate(place / "run", **options)


def test_the_text_is_that_of_the_run_and_the_loss_too(place: Path) -> None:
    found = _evaluate(place, stride=16)
    records = [json.loads(line) for line in (place / "run" / "metrics.jsonl").open()]
    start = next(record for record in records if record["kind"] == "start")
    assert found.text.tokens == start["val_tokens"]
    report = records[-1]
    # The run's windows begin anywhere in a document, and cross from one to the next.
    assert found.text.loss.value == pytest.approx(report["val_loss"], rel=0.05)
    assert found.text.perplexity.value == pytest.approx(math.exp(found.text.loss.value))
    bits = found.text.loss.value * found.text.tokens / math.log(2) / found.text.bytes
    assert found.text.bits_per_byte.value == pytest.approx(bits)
    assert 0 < found.text.top1.value < found.text.top5.value < 1
    assert 0 < found.text.loss.error < 0.2
    assert found.step == report["best_step"]


def test_the_ngram_has_counted_the_training_side_only(place: Path) -> None:
    found = _evaluate(place)
    parts = load_parts(place / "run")
    text = prepare(parts.recipe.data, "x", tokenizer=parts.tokenizer)
    model = WittenBell(text.train.ids, 257)
    assert 1 <= found.ngram.order <= 6
    stream = np.concatenate([[256], text.validation.ids])
    # The stream has the document before in its contexts, which costs or helps a little.
    losses = model.losses(stream)
    assert found.ngram.loss.value == pytest.approx(losses[found.ngram.order - 1], rel=0.02)
    margin = found.ngram.bits_per_byte.value - found.text.bits_per_byte.value
    assert found.ngram.margin.value == pytest.approx(margin)


def test_more_context_is_better_and_by_default_it_is_half(place: Path) -> None:
    default = _evaluate(place)
    assert default.stride == 8
    assert default.text.loss == _evaluate(place, stride=8).text.loss
    assert default.text.loss != _evaluate(place, stride=16).text.loss
    assert default.text.tokens == _evaluate(place, stride=1).text.tokens


def test_calibration_is_of_all_tokens(place: Path) -> None:
    found = _evaluate(place)
    assert found.calibration.counts.sum() == found.text.tokens
    used = found.calibration.counts > 0
    right = (found.calibration.accuracy * found.calibration.counts)[used].sum()
    assert right / found.text.tokens == pytest.approx(found.text.top1.value)


def test_tasks_probe_and_what_is_told_on_the_way(place: Path) -> None:
    path = place / "labels.jsonl"
    labels = [{"text": f"{'ab'[i % 2]} word {i}", "label": "xy"[i % 2]} for i in range(40)]
    path.write_text("".join(json.dumps(record) + "\n" for record in labels))
    told: list[tuple[str, float]] = []
    found = _evaluate(
        place,
        tasks="agreement,induction",
        probe_on=str(path),
        watch=lambda label, done: told.append((label, done)),
    )
    assert [one.result.name for one in found.tasks] == ["agreement", "induction"]
    assert all(one.ngram is not None for one in found.tasks)
    assert found.probe.labels == ("x", "y")
    assert all(layer.untrained is not None for layer in found.probe.layers)
    shares = [done for _, done in told]
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)
    assert list(dict.fromkeys(label for label, _ in told)) == [
        "scoring text",
        "counting n-grams",
        "answering questions",
        "probing",
    ]
    plain = json.loads(json.dumps(found.to_dict()))
    assert plain["text"]["loss"] == found.text.loss._asdict()
    assert plain["calibration"]["error"] == found.calibration.error
    assert plain["tasks"][0]["name"] == "agreement"
    assert plain["tasks"][0]["ngram"]["value"] == found.tasks[0].ngram.value
    assert len(plain["probe"]["layers"]) == 3


def test_other_text_and_one_document(place: Path) -> None:
    found = _evaluate(place, data=str(place / "texts" / "3.txt"))
    assert found.text.documents == 1
    assert math.isnan(found.text.loss.error)
    assert any("one document" in note for note in found.notes)
    assert found.ngram is not None


def test_without_its_text_a_run_is_still_measured_on_another(place: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(place / "run", run)
    config = (run / "config.toml").read_text().replace(str(place / "texts"), "gone")
    (run / "config.toml").write_text(config)
    other = str(place / "texts" / "3.txt")
    with using("reference"):
        found = evaluate(run, data=other)
        assert found.ngram is None
        assert any(note.startswith("no n-grams: ") for note in found.notes)
        same = _evaluate(place, data=other)
        assert found.text.loss.value == same.text.loss.value
        with pytest.raises(MinilmError, match="gone"):
            evaluate(run)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"data": "nothing.txt"}, "nothing.txt"),
        ({"tasks": "agrement"}, "did you mean 'agreement'"),
        ({"probe_on": "package"}, "did you mean 'packages'"),
        ({"probe_on": "nothing.jsonl"}, "cannot read nothing.jsonl"),
        ({"stride": 17}, "the stride is 17"),
        ({"stride": 0}, "the stride is 0"),
    ],
)
def test_what_is_refused(place: Path, options: dict, message: str) -> None:
    with pytest.raises(MinilmError, match=message):
        _evaluate(place, **options)


def test_the_embedded_labels(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def recorded(model, tokenizer, training, test, **options):
        asked.append((training, test))

    monkeypatch.setattr(evaluating, "probe", recorded)
    _evaluate(place, probe_on="packages")
    _evaluate(place, probe_on="python-modules")
    assert asked[0] == labelled.split(packages.examples())
    assert asked[1] == modules.python_modules()
    for training, test in asked:
        assert {e.label for e in training} == {e.label for e in test}
        assert not {e.document for e in training} & {e.document for e in test}


def test_labels_that_cannot_be_split_are_refused_before_the_work(place: Path) -> None:
    path = place / "one.jsonl"
    path.write_text('{"text": "a", "label": "x"}\n{"text": "b", "label": "x"}\n')
    told: list[str] = []
    with pytest.raises(MinilmError, match=r"one\.jsonl: all examples have the label 'x'"):
        _evaluate(place, probe_on=str(path), watch=lambda label, done: told.append(label))
    assert told == []


def test_a_classifier_is_refused(place: Path, tmp_path: Path) -> None:
    config = (place / "run" / "config.toml").read_text()
    head, _, tail = config.partition("[objective]")
    tail = tail[tail.index("\n[") :]
    config = f'{head}[objective]\nname = "classification"\n{tail}'
    (tmp_path / "config.toml").write_text(config)
    with pytest.raises(MinilmError, match="holds a classifier"):
        evaluate(tmp_path)


@pytest.fixture(scope="module")
def encoder(place: Path) -> Path:
    recipe = override(Recipe(), [*SMALL, f"source={place / 'texts'}"])
    from dataclasses import replace

    from minilm.models.bert_config import BERTConfig
    from minilm.objectives.config import MaskedTokensConfig

    config = BERTConfig(n_layer=1, n_head=2, n_embd=16, block_size=16)
    recipe = replace(recipe, model=config, objective=MaskedTokensConfig())
    with using("reference"):
        minilm.pretrain(recipe, out=place / "encoder")
    return place / "encoder"


def test_an_encoder_is_measured_by_the_gaps_of_its_objective(place: Path, encoder: Path) -> None:
    path = place / "labels.jsonl"
    labels = [{"text": f"{'ab'[i % 2]} word {i}", "label": "xy"[i % 2]} for i in range(20)]
    path.write_text("".join(json.dumps(record) + "\n" for record in labels))
    with using("reference"):
        found = evaluate(encoder, probe_on=str(path))
        records = [json.loads(line) for line in (encoder / "metrics.jsonl").open()]
        assert found.gaps.loss.value == pytest.approx(records[-1]["val_loss"])
        assert found.gaps.top1.value == pytest.approx(records[-1]["val_accuracy"])
        assert found.gaps.top1.value < found.gaps.top5.value < 1
        assert found.gap_ngram.loss.value == pytest.approx(records[-1]["baseline_loss"])
        assert found.gap_ngram.top1.value == pytest.approx(records[-1]["baseline_accuracy"])
        assert found.gap_ngram.margin.value == pytest.approx(
            records[-1]["baseline_loss"] - records[-1]["val_loss"]
        )
        assert found.gaps.documents == _evaluate(place).text.documents
        assert 0 < found.gaps.loss.error < 0.2
        assert found.calibration.counts.sum() == found.gaps.gaps
        assert found.text is found.ngram is None
        assert [layer.layer for layer in found.probe.layers] == ["embedding", "blocks.0"]
        other = evaluate(encoder, data=str(place / "texts" / "3.txt"))
        assert other.gaps.loss.value != found.gaps.loss.value
        assert math.isnan(other.gaps.loss.error)
        assert other.notes == [evaluating.ONE_DOCUMENT]
        for options in ({"tasks": "cloze"}, {"stride": 4}):
            with pytest.raises(MinilmError, match="is for models that write"):
                evaluate(encoder, **options)
