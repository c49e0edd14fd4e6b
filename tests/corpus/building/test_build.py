"""A build, stopped in every way there is: the same bytes come out."""

import errno
import gzip
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from minilm.corpus.building import BuildConfig, build, load
from minilm.corpus.shards import open_shards, text_ids
from minilm.errors import MinilmError
from minilm.tokenizers import BytesTokenizer

N_SOURCES = 5
WORDS = [
    "the",
    "of",
    "and",
    "to",
    "in",
    "with",
    "have",
    "that",
    "house",
    "tree",
    "river",
    "cat",
    "dog",
    "walks",
    "runs",
    "sees",
]
HELD_OUT = "what is the largest of the seven rivers that run from the green hills to the sea"

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs signals of POSIX")


def _text(chance: random.Random, n: int) -> str:
    return " ".join(chance.choices(WORDS, k=n)) + "."


def _write_sources(folder: Path) -> None:
    """Sources with exact and near duplicates across them, contamination, and special tokens."""
    chance = random.Random(5)
    texts = [[_text(chance, chance.randint(30, 90)) for _ in range(40)] for _ in range(N_SOURCES)]
    texts[1][3] = texts[0][5].upper()
    texts[2][4] = texts[0][6] + " And a little more."
    texts[3][7] = f"They ask: {HELD_OUT}? Nobody knows."
    texts[4][8] += " <|endoftext|> is how it ends."
    for i, found in enumerate(texts):
        lines = [json.dumps({"id": f"{i}-{j}", "text": text}) for j, text in enumerate(found)]
        (folder / f"{i}.jsonl").write_text("\n".join(lines) + "\n")
    (folder / "held-out.txt").write_text(HELD_OUT)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sources")
    _write_sources(folder)
    tables = "".join(
        f'[[source]]\nname = "s{i}"\npath = "{i}.jsonl"\nepochs = {1 + i % 2}\n'
        for i in range(N_SOURCES)
    )
    rest = (
        "[cleaning]\nwhite_space = true\n[deduplication]\n"
        '[decontamination]\nagainst = ["held-out.txt"]\n'
        "[split]\nvalidation = 0.1\n[shards]\nmax_tokens = 20_000\n"
    )
    path = folder / "corpus.toml"
    path.write_text(f"{tables}\n{rest}")
    return path


def content(out: Path) -> dict[str, bytes]:
    """All that must not depend on how the build went."""
    names = [p for p in out.rglob("*") if p.is_file() and not p.name.startswith(".")]
    return {
        p.relative_to(out).as_posix(): p.read_bytes()
        for p in names
        if p.name not in ("report.json", "report.html")  # they tell the time
    }


@pytest.fixture(scope="module")
def whole(recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the build gives that nothing stopped."""
    out = tmp_path_factory.mktemp("whole") / "out"
    build(load(recipe), out, workers=1)
    return out


def test_what_comes_out(whole: Path) -> None:
    shards = open_shards(whole)
    assert {p.name for p in whole.iterdir()} >= {"manifest.json", "report.json", "rejected"}
    assert not (whole / "work").exists()
    assert len(shards.train.shards) > 2
    end = shards.manifest.end_of_text
    texts = {}
    for split in ("train", "val"):
        ids = shards.split(split)
        found = [ids.document(i) for i in range(ids.n_documents)]
        assert all(x[-1] == end and (x[:-1] != end).all() for x in found)
        texts[split] = [shards.tokenizer.decode(text_ids(x, end)) for x in found]
    assert not set(texts["train"]) & set(texts["val"])
    # Two epochs of the sources with odd numbers, but held-out documents occur once.
    counts = {texts["train"].count(text) for text in texts["train"]}
    assert counts == {1, 2}
    assert {texts["val"].count(text) for text in texts["val"]} == {1}
    every = texts["train"] + texts["val"]
    assert sum("And a little more." in text for text in every) == 1
    assert not any("seven rivers" in text for text in every)
    # Of 200 documents, one is contaminated, and two are duplicates.
    assert len(set(every)) == 197


def test_special_tokens_in_documents_stay_text(whole: Path) -> None:
    shards = open_shards(whole)
    spelt = BytesTokenizer().encode("<|endoftext|> is how it ends.")
    found = [
        ids
        for split in ("train", "val")
        for ids in map(shards.split(split).document, range(shards.split(split).n_documents))
        if spelt.tobytes() in ids.tobytes()
    ]
    assert found
    assert all((ids == shards.manifest.end_of_text).sum() == 1 for ids in found)


def test_the_rejected_say_why(whole: Path) -> None:
    found: dict[str, list[dict[str, Any]]] = {}
    for path in (whole / "rejected").iterdir():
        with gzip.open(path, "rt") as file:
            found[path.name.partition(".")[0]] = [json.loads(line) for line in file]
    assert {step: len(records) for step, records in found.items()} == {
        "cleaning": 0,
        "filters": 0,
        "decontamination": 1,
        "exact": 1,
        "near": 1,
    }
    assert "seven rivers" in found["decontamination"][0]["figure"]
    # The first of equals is kept, and the longest of those that are alike.
    assert (found["exact"][0]["id"], found["exact"][0]["figure"]) == ("1-3", "of s0/0-5")
    assert (found["near"][0]["id"], found["near"][0]["figure"]) == ("0-6", "of s2/2-4")


def test_three_workers_give_the_bytes_of_one(recipe: Path, whole: Path, tmp_path: Path) -> None:
    report = build(load(recipe), tmp_path / "out", workers=3)
    assert content(tmp_path / "out") == content(whole)
    assert report["workers"] == 3


def _command(recipe: Path, out: Path, *options: str) -> list[str]:
    words = [sys.executable, "-m", "minilm.cli", "corpus", "build", str(recipe)]
    return [*words, "--out", str(out), *options]


def _start(command: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        cwd=Path(__file__).parents[3],
    )


def _wait_until_gone(group: int) -> None:
    """Returns when no process of the group runs; one that nobody has waited for does not."""
    while any(_runs_in(process, group) for process in psutil.process_iter()):
        time.sleep(0.02)


def _runs_in(process: psutil.Process, group: int) -> bool:
    try:
        return os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.NoSuchProcess, ProcessLookupError):
        return False


@pytest.mark.parametrize("workers", [1, 2])
def test_killed_at_random_it_goes_on(
    recipe: Path, whole: Path, tmp_path: Path, workers: int
) -> None:
    chance = random.Random(workers)
    out = tmp_path / "out"
    command = _command(recipe, out, "--workers", str(workers))
    for _ in range(5):
        process = _start(command)
        assert process.stdout is not None
        for _ in range(chance.randint(1, 14)):
            process.stdout.readline()
        time.sleep(chance.uniform(0, 0.03))
        process.kill()
        process.communicate()
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[3])
    assert done.returncode == 0, done.stderr
    assert content(out) == content(whole)
    assert not list(out.glob(".*.tmp"))


# Each child of this program dies at a rename or flush, each a little later than the one
# before, as if killed there; the next goes on from what it left. Forked, so that it is quick.
DYING = """
import os, sys
from minilm.corpus.building import build, load
recipe, out, n = sys.argv[1], sys.argv[2], int(sys.argv[3])
config = load(recipe)
deaths = 0
while True:
    pid = os.fork()
    if pid == 0:
        left = n + 2 * deaths
        def dying(true):
            def call(*args, **kwargs):
                global left
                left -= 1
                if left < 0:
                    os._exit(9)
                return true(*args, **kwargs)
            return call
        for name in ("rename", "replace", "fsync"):
            setattr(os, name, dying(getattr(os, name)))
        build(config, out, workers=1)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code == 0:
        break
    assert code == 9, code
    deaths += 1
    assert deaths < 1000
print(deaths)
"""


@pytest.mark.parametrize("n", [4, 5])
def test_dying_at_any_write_it_goes_on(recipe: Path, whole: Path, tmp_path: Path, n: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", DYING, str(recipe), str(tmp_path / "out"), str(n)],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 10
    assert content(tmp_path / "out") == content(whole)


def test_ctrl_c_stops_at_once_and_it_goes_on(recipe: Path, whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = _start(_command(recipe, out, "--workers", "2"))
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("filter"):
            break
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers too
    printed = process.communicate()[0]
    assert process.returncode == 130
    assert "stopped; to go on: minilm corpus build" in printed
    assert "Traceback" not in printed
    _wait_until_gone(process.pid)
    assert (out / "work" / "filter").is_dir()
    build(load(recipe), out, workers=1)
    assert content(out) == content(whole)


def test_the_workers_die_with_their_parent(recipe: Path, tmp_path: Path) -> None:
    process = _start(_command(recipe, tmp_path / "out", "--workers", "2"))
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("filter"):
            break
    process.kill()
    process.communicate()  # ends when no worker holds the pipe any more
    _wait_until_gone(process.pid)


def test_a_full_disk_is_one_line_and_nothing_is_lost(
    recipe: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, true, room, refusals = tmp_path / "out", os.fsync, 0, 0

    def full(descriptor: int) -> None:
        nonlocal room
        room -= 1
        if room < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        true(descriptor)

    config = load(recipe)
    while not (out / "manifest.json").exists():
        assert refusals < 1000
        room = 4 + 2 * refusals
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            try:
                build(config, out, workers=1)
            except MinilmError as error:
                assert "no space left on device; " in str(error)  # noqa: PT017
                refusals += 1
        assert not list(out.glob("work/*/.*.tmp"))
    assert refusals > 10
    assert content(out) == content(whole)


LIMITED = """
import resource, signal, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (9000, resource.RLIM_INFINITY))
from minilm.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_disk_that_takes_no_more(recipe: Path, whole: Path, tmp_path: Path, workers: str) -> None:
    # A real refusal by the system, in the middle of a write, in this process and in workers.
    command = _command(recipe, tmp_path / "out", "--quiet", "--workers", workers)
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, *command[3:]],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        cwd=Path(__file__).parents[3],
    )
    assert done.returncode == 2
    assert "file too large; make room on the disk, then run the same command" in done.stderr
    assert done.stderr.count("\n") == 1
    build(load(recipe), tmp_path / "out", workers=1)
    assert content(tmp_path / "out") == content(whole)


def test_mpi_gives_the_same_bytes(recipe: Path, whole: Path, tmp_path: Path) -> None:
    pytest.importorskip("mpi4py.futures")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    mpiexec = shutil.which("mpiexec", path=path)
    if mpiexec is None:
        pytest.skip("no mpiexec")
    command = [mpiexec, "-n", "2", *_command(recipe, tmp_path / "out", "--executor", "mpi")]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=300, cwd=Path(__file__).parents[3]
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("what is left after each step") == 1
    assert content(tmp_path / "out") == content(whole)


def _changed(recipe: Path, tmp_path: Path, edit: Callable[[str], str]) -> BuildConfig:
    folder = tmp_path / "sources"
    if not folder.exists():
        shutil.copytree(recipe.parent, folder)
    path = folder / recipe.name
    path.write_text(edit(recipe.read_text()))
    return load(path)


class Notes:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.begun: dict[str, int] = {}

    def stage(self, name: str, done: int, total: int) -> None:
        self.begun.setdefault(name, done)

    def note(self, text: str) -> None:
        self.notes.append(text)


def test_a_changed_recipe_repeats_what_it_changes(recipe: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    build(_changed(recipe, tmp_path, str), out, workers=1, keep_work=True)
    other = _changed(recipe, tmp_path, lambda text: text.replace("= 0.1", "= 0.3"))
    with pytest.raises(MinilmError, match="another recipe or other sources; choose another --out"):
        build(other, out, workers=1)
    before = len(open_shards(out).val)
    (out / "manifest.json").unlink()
    notes = Notes()
    build(other, out, workers=1, reporter=notes)
    assert len(open_shards(out).val) > 1.5 * before
    assert notes.notes[0].startswith("mixture: what it depends on has changed")
    done_before = {name for name, done in notes.begun.items() if done}
    assert done_before == {"index", "filter", "exact", "signatures", "near"}
    build(other, tmp_path / "fresh", workers=1)
    assert content(out) == content(tmp_path / "fresh")


def test_a_changed_source_is_read_again(recipe: Path, tmp_path: Path) -> None:
    config, out = _changed(recipe, tmp_path, str), tmp_path / "out"
    build(config, out, workers=1, keep_work=True)
    (out / "manifest.json").unlink()
    path = tmp_path / "sources" / "2.jsonl"
    path.write_text(path.read_text().replace("2-0", "2-x"))
    notes = Notes()
    build(config, out, workers=1, reporter=notes)
    assert any(note.startswith("filter: what it depends on") for note in notes.notes)
    assert notes.begun["filter"] == 0


def test_a_finished_build_is_not_done_again(
    recipe: Path, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = content(whole)
    notes = Notes()
    report = build(load(recipe), whole, workers=1, reporter=notes)
    assert notes.notes == [f"{whole} holds this corpus already"]
    assert not notes.begun
    assert report["funnel"][0]["documents"] == 200
    assert content(whole) == before


@pytest.mark.parametrize("name", ["1.jsonl", "held-out.txt"])
def test_a_finished_build_of_other_files_is_not_taken_for_this(
    recipe: Path, tmp_path: Path, name: str
) -> None:
    config, out = _changed(recipe, tmp_path, str), tmp_path / "out"
    build(config, out, workers=1)
    path = tmp_path / "sources" / name
    path.write_text(path.read_text().replace("the", "The"))
    with pytest.raises(MinilmError, match="of another recipe or other sources"):
        build(config, out, workers=1)


def test_folders_that_hold_something_else_are_refused(recipe: Path, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear")
    with pytest.raises(MinilmError, match="is not empty and holds no build"):
        build(load(recipe), tmp_path, workers=1)
    assert (tmp_path / "letter.txt").read_text() == "Dear"
    with pytest.raises(MinilmError, match="cannot write"):
        build(load(recipe), tmp_path / "letter.txt" / "out", workers=1)


def test_two_builds_do_not_share_a_folder(recipe: Path, tmp_path: Path) -> None:
    from filelock import FileLock

    with (
        FileLock(tmp_path / ".lock"),
        pytest.raises(MinilmError, match="in use by another build"),
    ):
        build(load(recipe), tmp_path, workers=1)


def test_leftovers_of_another_recipe_go(recipe: Path, whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    build(load(recipe), out, workers=1, keep_work=True)
    (out / "manifest.json").unlink()
    for name in ("train-00099.bin", ".train-00001.bin.0.tmp"):
        (out / name).write_bytes(b"x")
    (out / "train-00000.bin").unlink()
    build(load(recipe), out, workers=1)
    assert content(out) == content(whole)
    assert not list(out.glob(".*.tmp"))


def test_nothing_left_is_one_line(recipe: Path, tmp_path: Path) -> None:
    strict = _changed(
        recipe, tmp_path, lambda text: f"{text}[filters.gopher_quality]\nwords = [9_000, 10_000]\n"
    )
    with pytest.raises(MinilmError, match="no document came through the filters"):
        build(strict, tmp_path / "out", workers=1)


def test_near_duplicates_that_are_kept_stay_on_one_side(recipe: Path, tmp_path: Path) -> None:
    chance = random.Random(1)
    folder = tmp_path / "sources"
    folder.mkdir()
    bases = [_text(chance, 80) for _ in range(60)]
    lines = [
        json.dumps({"id": f"{i}-{k}", "text": f"{base} Number {k}" + " again." * k})
        for k in range(3)
        for i, base in enumerate(bases)
    ]
    (folder / "a.jsonl").write_text("\n".join(lines))
    path = folder / "corpus.toml"
    path.write_text(
        '[[source]]\nname = "a"\npath = "a.jsonl"\n[deduplication]\nkeep = "all"\n'
        "exact = false\n[split]\nvalidation = 0.3\n"
    )
    report = build(load(path), tmp_path / "out", workers=1)
    assert report["funnel"][-1]["documents"] == 180
    shards = open_shards(tmp_path / "out")
    sides: dict[str, set[str]] = {}
    for split in ("train", "val"):
        ids = shards.split(split)
        for i in range(ids.n_documents):
            text = shards.tokenizer.decode(ids.document(i))
            sides.setdefault(text.partition(" Number")[0], set()).add(split)
    assert len(sides) == 60
    # The chance that near-duplicates miss each other in all bands is below one in a thousand.
    assert sum(len(found) > 1 for found in sides.values()) == 0
    assert {side for found in sides.values() for side in found} == {"train", "val"}


def test_every_file_is_flushed_before_it_has_its_name(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: set[int] = set()
    true_sync, true_replace, true_rename = os.fsync, os.replace, os.rename

    def sync(descriptor: int) -> None:
        flushed.add(os.fstat(descriptor).st_ino)
        true_sync(descriptor)

    def replace(source: Any, target: Any) -> None:
        # In the folder of a task under way it is the folder's name that counts.
        assert ".tmp" in str(Path(target).parent) or os.stat(source).st_ino in flushed, source
        true_replace(source, target)

    def rename(source: Any, target: Any) -> None:
        assert {path.stat().st_ino for path in Path(source).iterdir()} <= flushed, source
        true_rename(source, target)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(os, "replace", replace)
    monkeypatch.setattr(os, "rename", rename)
    build(load(recipe), tmp_path / "out", workers=1)
    assert os.stat(tmp_path / "out" / "manifest.json").st_ino in flushed
