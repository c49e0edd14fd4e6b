"""A corpus recipe carried out: from raw text to a folder of shards.

The folder is locked while a build works in it. All that is done so far stands in its ``work``
(`minilm.corpus.building.work`), so a build that was stopped, or killed, goes on when it is
started again. ``manifest.json`` comes last: with it the corpus is there.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

import minilm
from minilm import machine
from minilm.corpus.building import learning, listing
from minilm.corpus.building.executors import count_workers, open_executor
from minilm.corpus.building.filtering import check_rules
from minilm.corpus.building.finishing import finish
from minilm.corpus.building.reporting import read_report
from minilm.corpus.building.settings import BuildConfig
from minilm.corpus.building.site import Reporter, Silent, Site
from minilm.corpus.building.stages import carry_out, filter_documents
from minilm.corpus.building.work import fingerprint
from minilm.corpus.shards import MANIFEST
from minilm.corpus.shards.files import cannot_write
from minilm.corpus.sources import Part
from minilm.errors import MinilmError

__all__ = ["WORK", "build"]

WORK, LOCK = "work", ".lock"


def build(
    config: BuildConfig,
    out: str | os.PathLike[str],
    *,
    workers: int = 0,
    executor: str = "processes",
    keep_work: bool = False,
    reporter: Reporter | None = None,
) -> dict[str, Any]:
    """Carry out a recipe in a folder, or go on with what was begun there.

    The shards are the same bytes for any number of workers, and however often the build was
    stopped. With more than one worker, call it under ``if __name__ == "__main__":``, since
    each is a new Python.

    Parameters
    ----------
    config : BuildConfig
    out : path
        New, empty, or the folder of a build of this recipe that did not finish.
    workers : int
        Processes; 0: one for each core.
    executor : "processes" or "mpi"
        See `minilm.corpus.building.executors.open_executor`.
    keep_work : bool
        Leave ``work`` there: a build with another tokenizer or mixture then need not read,
        filter and compare the documents again.
    reporter : Reporter, optional

    Returns
    -------
    dict
        The report, as in ``report.json``; empty in a worker of an MPI job.

    Raises
    ------
    MinilmError
        For whatever in the recipe, the sources, the folder or the machine does not allow it.
    """
    started = time.perf_counter()
    out, reporter = Path(out), reporter or Silent()
    check_rules(config)
    learning.check(config.tokenizer)
    count = workers or machine.threads()
    with open_executor(count, executor) as pool:
        if pool is None:
            return {}
        with _locked(out):
            parts, n = listing.list_parts(config), count_workers(pool, count)
            _carry_out(Site(config, parts, out, out / WORK, pool, reporter, n), started)
            if not keep_work:
                shutil.rmtree(out / WORK, ignore_errors=True)
            return read_report(out)


def _carry_out(site: Site, clock: float) -> None:
    """Do what is left to do."""
    identity = _identity(site.config, site.parts)
    if _is_done(site.out, identity):
        site.reporter.note(f"{site.out} holds this corpus already")
        return
    documents = filter_documents(site)
    if not len(documents.rows):
        raise MinilmError(
            f"no document came through the filters; {site.folders['filter']} has what was "
            "rejected, and by which rule"
        )
    carry_out(site, documents)
    finish(site, documents, identity, clock=clock)


@contextlib.contextmanager
def _locked(out: Path) -> Iterator[None]:
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = FileLock(out / LOCK)
        lock.acquire(timeout=0)
    except Timeout:
        raise MinilmError(
            f"{out} is in use by another build; wait for it, or choose another --out"
        ) from None
    except OSError as error:
        raise cannot_write(out, error) from error
    try:
        yield
    finally:
        lock.release()


def _identity(config: BuildConfig, parts: Sequence[Part]) -> str:
    """The same for the same recipe, sources and program."""
    tokenizer = learning.check(config.tokenizer)
    files = [listing.state(parts), listing.held_out_state(config.decontamination)]
    return fingerprint(minilm.__version__, dict(config.tree), tokenizer, files)


def _is_done(out: Path, identity: str) -> bool:
    """Whether this very corpus is there; refuses a folder that is taken by anything else."""
    if (out / MANIFEST).exists():
        with contextlib.suppress(MinilmError):
            if read_report(out).get("identity") == identity:
                return True
        raise MinilmError(
            f"{out} holds a corpus of another recipe or other sources; choose another --out, or "
            f"delete its {MANIFEST} to build anew there"
        )
    others = [path.name for path in out.iterdir() if path.name != LOCK]
    if others and not (out / WORK).is_dir():
        raise MinilmError(f"{out} is not empty and holds no build; choose another --out")
    return False
