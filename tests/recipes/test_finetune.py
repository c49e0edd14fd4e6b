"""Fine-tuning whole and small: both wirings, the run that it leaves, what it refuses."""

import json
import signal
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import minilm
from minilm.backend import using
from minilm.errors import MinilmError
from minilm.recipes import Recipe, finetune, override
from minilm.recipes.finetune_report import Report
from minilm.recipes.labelled import few, gather
from minilm.recipes.loading import load_parts
from minilm.training.reporter import Silent

WORDS = {"sea": "wave salt ship", "wood": "tree leaf bark", "sky": "cloud star wind"}
SMALL = ("steps=30", "evaluate_every=10", "batch_size=4", "learning_rate=0.02", "warmup_steps=1")
SIZES = ("n_layer=2", "n_head=2", "n_embd=16", "block_size=32", "steps=2", "evaluate_every=1")


def write(path: Path, n: int, labels: str = "sea wood sky") -> Path:
    lines = []
    for i in range(n):
        label = labels.split()[i % len(labels.split())]
        words = WORDS.get(label, "what else").split()
        text = f"{words[i % len(words)]} {words[(i // 3) % len(words)]} {i}"
        lines.append(json.dumps({"text": text, "label": label}))
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    (folder / "text.txt").write_text("waves and trees and clouds, salt and leaves\n" * 60)
    plain = override(Recipe(), [*SIZES, "batch_size=2", f"source={folder / 'text.txt'}"])
    masked = ["architecture=bert", "objective.name=masked_tokens"]
    with using("reference"):
        minilm.pretrain(plain, out=folder / "gpt")
        minilm.pretrain(override(plain, [*masked, *SIZES]), out=folder / "bert")
    return folder


def _finetune(base: Path, tmp_path: Path, *settings: str, **options: object) -> Report:
    data = write(tmp_path / "train.jsonl", 45)
    options = {"test": str(write(tmp_path / "test.jsonl", 60)), "out": tmp_path / "new"} | options
    with using("reference"):
        return minilm.finetune(base, str(data), settings=(*SMALL, *settings), **options)


@pytest.mark.parametrize("kind", ["gpt", "bert"])
def test_a_whole_fine_tuning(kind: str, runs: Path, tmp_path: Path) -> None:
    report = _finetune(runs / kind, tmp_path)
    assert report.labels == ("sea", "sky", "wood")
    assert (report.n_train, report.n_validation, report.n_test) == (36, 9, 60)
    assert report.pretrained is not None
    assert report.pretrained.accuracy > 0.6
    assert report.pretrained.confusion.sum() == 60
    assert report.random is not None
    difference = report.pretrained.accuracy - report.random.scores.accuracy
    assert report.random.gain == pytest.approx(difference)
    names = {path.name for path in (tmp_path / "new").iterdir()}
    assert {"config.toml", "labels.json", "tokenizer.json", "metrics.jsonl"} <= names
    assert ".random" not in names

    model = minilm.load_classifier(tmp_path / "new")
    assert model.step == report.best_step
    with using("reference"):
        found = model.predict(["wave ship 3", "leaf bark 4" * 9])
    assert found[0].label == "sea"
    assert sum(found[0].all.values()) == pytest.approx(1, rel=1e-5)
    assert found[0].probability == max(found[0].all.values())
    assert "1 of 2 texts are longer than the context of 32 tokens" in model.notes[0]
    with pytest.raises(MinilmError, match="text 2 is empty"):
        model.predict(["wave", "  "])


def test_the_same_seed_gives_the_same(runs: Path, tmp_path: Path) -> None:
    one = _finetune(runs / "gpt", tmp_path, seed=3).to_dict()
    other = _finetune(runs / "gpt", tmp_path, seed=3, out=tmp_path / "other").to_dict()
    for key in ("pretrained", "random", "tfidf", "best_step"):
        assert one[key] == other[key]


def test_frozen_layers_stay_the_pretrained_ones(runs: Path, tmp_path: Path) -> None:
    _finetune(runs / "gpt", tmp_path, "objective.frozen=2")
    before = load_parts(runs / "gpt").model.parameters
    after = minilm.load_classifier(tmp_path / "new").model.parameters
    for parameter in after:
        if parameter.name.startswith("classifier."):
            continue
        same = np.array_equal(parameter.value, before[parameter.name].value)
        frozen = parameter.name.startswith(("blocks.0.", "token_emb", "position_emb"))
        assert same == frozen, parameter.name


class Stopping(Silent):
    """A person who presses Ctrl-C, or a machine that fails, after a training step."""

    def __init__(self, step: int, how: str) -> None:
        self.step, self.how = step, how

    def record(self, record: dict) -> None:
        if record["kind"] == "train" and record["step"] == self.step:
            if self.how == "crash":
                raise SystemExit(1)
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize(("step", "how"), [(13, "Ctrl-C"), (13, "crash"), (4, "crash")])
def test_resumed_it_ends_with_the_same_bits(
    step: int, how: str, runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = _finetune(runs / "gpt", tmp_path, seed=2)
    try:
        report = _finetune(
            runs / "gpt", tmp_path, seed=2, out=tmp_path / "cut", reporter=Stopping(step, how)
        )
        assert report.signal == signal.SIGINT
        assert report.steps == step
        # Nothing was trained from random weights, so nothing is said of it.
        assert report.random is None
        assert f"minilm finetune --resume {tmp_path / 'cut'}" in report.next_commands
    except SystemExit:
        assert how == "crash"
        (tmp_path / "cut" / ".random").mkdir()
    monkeypatch.chdir(runs)  # whatever folder it goes on from
    with using("reference"):
        report = finetune.resume(tmp_path / "cut")
        again = finetune.resume(tmp_path / "cut")
    assert report.signal is None
    for found in (report, again):
        assert (found.steps, found.best_step) == (whole.steps, whole.best_step)
        for side in ("pretrained", "random"):
            ours, theirs = (getattr(one, side).to_dict() for one in (found, whole))
            assert json.dumps(ours) == json.dumps(theirs)
    last = f"step-{whole.steps:06}"
    for file in ("model.safetensors", "optimizer.safetensors"):
        ours, theirs = ((tmp_path / run / last / file).read_bytes() for run in ("cut", "new"))
        assert ours == theirs


def test_what_cannot_be_resumed(runs: Path, tmp_path: Path) -> None:
    with pytest.raises(MinilmError, match=f"pretrain --resume {runs / 'gpt'}"):
        finetune.resume(runs / "gpt")
    _finetune(runs / "gpt", tmp_path)
    with open(tmp_path / "train.jsonl", "a") as file:
        file.write('{"text": "one more", "label": "sea"}\n')
    with pytest.raises(MinilmError, match="are not those that the run began with"):
        finetune.resume(tmp_path / "new")
    (tmp_path / "new" / "labels.json").write_text('{"labels": ["sea", "sky", "wood"]}')
    with pytest.raises(MinilmError, match="does not say what the run was made from"):
        finetune.resume(tmp_path / "new")


def test_one_that_has_stopped_early_does_not_learn_on(runs: Path, tmp_path: Path) -> None:
    # Texts without a difference: the validation loss rises from the first step on.
    data = tmp_path / "same.jsonl"
    lines = [{"text": f"all the same {i}", "label": "ab"[i % 2]} for i in range(20)]
    data.write_text("".join(json.dumps(line) + "\n" for line in lines))
    settings = ("steps=200", "evaluate_every=1", "patience=2", "learning_rate=0.02")
    with using("reference"):
        report = minilm.finetune(runs / "gpt", str(data), settings=settings, out=tmp_path / "run")
        assert report.steps < 200
        assert finetune.resume(tmp_path / "run").steps == report.steps


def test_without_scikit_learn_it_says_so(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    report = _finetune(runs / "gpt", tmp_path, test=None)
    assert report.tfidf is None
    assert report.judged_on == "validation"
    assert report.pretrained is not None


def test_a_classifier_is_no_language_model(runs: Path, tmp_path: Path) -> None:
    _finetune(runs / "gpt", tmp_path)
    new = tmp_path / "new"
    for load in (minilm.load, minilm.load_encoder, load_parts):
        with pytest.raises(MinilmError, match="minilm classify"):
            load(new)
    with pytest.raises(MinilmError, match="minilm finetune RUN"):
        minilm.resume(new)
    with pytest.raises(MinilmError, match="was pretrained, not fine-tuned"):
        minilm.load_classifier(runs / "gpt")
    (new / "labels.json").write_text('{"labels": 3}')
    with pytest.raises(MinilmError, match=r"labels\.json has no list of texts"):
        minilm.load_classifier(new)


def test_settings_that_the_weights_do_not_allow(runs: Path, tmp_path: Path) -> None:
    for setting, message in {
        "model.n_embd=32": "leave it so",
        "objective.name=next_token": "leave it so",
        "objective.pooling=first": "first position of a decoder",
        "objective.layer_decay=0": "above 0",
    }.items():
        with pytest.raises(MinilmError, match=message):
            _finetune(runs / "gpt", tmp_path, setting)
        assert not (tmp_path / "new").exists()


def test_too_deep_a_freeze_is_refused(runs: Path, tmp_path: Path) -> None:
    with pytest.raises(MinilmError, match="this model has 2 layers"):
        _finetune(runs / "gpt", tmp_path, "objective.frozen=4")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"text": "x", "label": "sea"', r"train\.jsonl:46: not JSON"),
        ('["x"]', r"train\.jsonl:46: not a JSON object"),
        ('{"text": "x"}', r'train\.jsonl:46: no "label"'),
        ('{"text": "  ", "label": "sea"}', r"train\.jsonl:46: "),
        ('{"text": "x", "label": ""}', r"train\.jsonl:46: "),
        ('{"text": "x", "label": ["sea"]}', r"train\.jsonl:46: "),
    ],
)
def test_lines_at_fault_are_named(line: str, message: str, tmp_path: Path) -> None:
    data = write(tmp_path / "train.jsonl", 45)
    with open(data, "a") as file:
        file.write(line + "\n")
    with pytest.raises(MinilmError, match=message):
        gather(str(data))


def test_labels_at_fault(tmp_path: Path) -> None:
    data = write(tmp_path / "train.jsonl", 30)
    odd = write(tmp_path / "odd.jsonl", 3, "sea wood lava")
    with pytest.raises(MinilmError, match=r"odd\.jsonl:3: no training text has the label 'lava'"):
        gather(str(data), test=str(odd))
    with pytest.raises(MinilmError, match=r"odd\.jsonl:3: no training text"):
        gather(str(data), validation=str(odd))
    with pytest.raises(MinilmError, match="nothing to tell apart"):
        gather(str(write(tmp_path / "one.jsonl", 9, "sea")))
    (tmp_path / "once.jsonl").write_text(data.read_text() + '{"text": "x", "label": "lava"}')
    with pytest.raises(MinilmError, match=r"once\.jsonl: the label 'lava' has 1 of its own"):
        gather(str(tmp_path / "once.jsonl"))
    with pytest.raises(MinilmError, match="did you mean 'python-modules'"):
        gather("python-module")
    with pytest.raises(MinilmError, match="cannot read"):
        gather(str(tmp_path / "missing.jsonl"))
    texts = gather(str(data), test=str(data))
    assert "24 of 30 test texts are training texts too" in texts.notes[0]
    texts = gather(str(data), test=str(write(tmp_path / "few.jsonl", 4, "sea wood")))
    assert texts.notes[-1] == "no test text has the label 'sky'"


def test_few_takes_so_many_of_each(tmp_path: Path) -> None:
    examples = gather(str(write(tmp_path / "train.jsonl", 60))).train
    some = few(examples, 3, seed=1)
    assert sorted(e.label for e in some) == sorted(["sea", "sky", "wood"] * 3)
    assert some != few(examples, 3, seed=2)
    texts = gather(str(tmp_path / "train.jsonl"), per_label=5, share=0.4, seed=1)
    assert (len(texts.train), len(texts.validation)) == (9, 6)


def test_the_digest_is_of_texts_and_labels(tmp_path: Path) -> None:
    texts = gather(str(write(tmp_path / "train.jsonl", 30)))
    first = texts.train[0]
    other = replace(texts, train=[replace(first, label="x"), *texts.train[1:]])
    assert texts.digest != other.digest
    assert texts.digest == gather(str(tmp_path / "train.jsonl")).digest
