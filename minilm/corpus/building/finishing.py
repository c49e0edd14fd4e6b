"""The end of a build: rejects gathered, report written, and the manifest last of all."""

from __future__ import annotations

import contextlib
import json
import math
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import minilm
from minilm import machine, tokenizers
from minilm.corpus.building import page
from minilm.corpus.building.filtering import STEPS
from minilm.corpus.building.packing import read_info
from minilm.corpus.building.reporting import DEDUPLICATION, REPORT, assemble
from minilm.corpus.building.site import Site
from minilm.corpus.building.stages import Documents
from minilm.corpus.building.work import task_folder
from minilm.corpus.shards import SPLITS, Manifest, Shard
from minilm.corpus.shards.files import cannot_write, sha256, whole
from minilm.corpus.shards.manifest import TOKENIZER
from minilm.errors import MinilmError

__all__ = ["REJECTED", "finish"]

REJECTED = "rejected"


def finish(site: Site, documents: Documents, identity: str, *, clock: float) -> None:
    """Write what stands beside the shards.

    Parameters
    ----------
    identity : str
        Names recipe and sources, for whoever runs the same build again.
    clock : float
        `time.perf_counter` when this process began.
    """
    out = site.out
    _gather_rejected(site)
    made = task_folder(site.folders["tokenizer"], 0) / TOKENIZER
    with whole(out / TOKENIZER) as file:
        file.write(made.read_bytes())
    tokenizer = tokenizers.load(out / TOKENIZER)
    shards = _shards(site)
    report = assemble(site, documents, shards, tokenizer.vocab_size)
    report["seconds"], report["workers"] = time.perf_counter() - clock, site.workers
    memory = [stage["memory"] for stage in report["stages"] if "memory" in stage]
    report["memory"] = max(machine.peak_bytes(), *memory)
    report["identity"] = identity
    with whole(out / REPORT) as file:
        file.write(json.dumps(report, indent=1, ensure_ascii=True).encode() + b"\n")
    try:
        page.write(out, report)
    except page.Missing as error:
        site.reporter.note(f"{error}; then: minilm corpus report {out}")
    _remove_others(out, shards)
    Manifest(
        dtype=tokenizer.dtype.__name__,
        vocab_size=tokenizer.vocab_size,
        end_of_text=tokenizer.end_of_text,
        tokenizer_sha256=sha256(out / TOKENIZER),
        train=tuple(shards["train"]),
        val=tuple(shards["val"]),
        provenance={
            "minilm": minilm.__version__,
            "recipe": _json_types(site.config.tree),
            "sources": report["sources"],
        },
    ).write(out)


def _json_types(value: Any) -> Any:
    """A TOML value for JSON, which has no infinity and no dates."""
    if isinstance(value, Mapping):
        return {str(key): _json_types(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json_types(item) for item in value]
    if isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return str(value)


def _gather_rejected(site: Site) -> None:
    """One file for each step, in the order of the documents.

    Gzip files one behind the other are a gzip file.
    """
    folder = site.out / REJECTED
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from error
    for stage, names in (("filter", STEPS), ("encode", DEDUPLICATION)):
        for name in names:
            tasks = (task_folder(site.folders[stage], i) for i in range(len(site.parts)))
            found = [task / f"rejected-{name}.jsonl.gz" for task in tasks]
            with whole(folder / f"{name}.jsonl.gz") as target:
                for path in filter(Path.exists, found):
                    with open(path, "rb") as part:
                        shutil.copyfileobj(part, target)


def _shards(site: Site) -> dict[str, list[Shard]]:
    """The shards of each side, all of which are there."""
    found: dict[str, list[Shard]] = {split: [] for split in SPLITS}
    for number in range(site.tasks["pack"]):
        shard = read_info(site.folders["pack"], number)
        for name in (shard.file, shard.index):
            if not (site.out / name).exists():
                raise MinilmError(f"{site.out / name} has vanished; run the build again")
        found[shard.name.partition("-")[0]].append(shard)
    return found


def _remove_others(out: Path, shards: dict[str, list[Shard]]) -> None:
    """Remove shards of an earlier recipe, and what killed processes left half written."""
    named = {name for found in shards.values() for s in found for name in (s.file, s.index)}
    for pattern in (*(f"{split}-*.???" for split in SPLITS), ".*.tmp"):
        for path in out.glob(pattern):
            if path.name not in named:
                with contextlib.suppress(OSError):
                    path.unlink()
