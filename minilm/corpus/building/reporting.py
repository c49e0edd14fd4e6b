"""The report of a build: what came in, what was dropped and why, what came out.

Everything but the times follows from the recipe and the sources.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minilm.corpus.building import store
from minilm.corpus.building.choosing import KEPT
from minilm.corpus.building.encoding import DUPLICATES
from minilm.corpus.building.filtering import COUNTS, STEPS
from minilm.corpus.building.site import Site
from minilm.corpus.building.stages import ASKED, FATES, Documents
from minilm.corpus.building.tally import Meter, merge_rules
from minilm.corpus.building.work import cost, task_folder
from minilm.corpus.shards import SPLITS, Shard
from minilm.corpus.sources import Errors
from minilm.errors import MinilmError
from minilm.storage import json_file

__all__ = ["REPORT", "assemble", "read_report"]

REPORT = "report.json"
FORMAT = "minilm corpus report"
DEDUPLICATION = ("exact", "near")


def read_report(folder: Path) -> dict[str, Any]:
    """The report of a corpus.

    Raises
    ------
    MinilmError
        If there is none, or it is none.
    """
    report = json_file.read(folder / REPORT)
    if report.get("format") != FORMAT:
        raise MinilmError(f'{folder / REPORT} has no "format": "{FORMAT}"')
    return report


def assemble(
    site: Site, documents: Documents, shards: Mapping[str, list[Shard]], vocab_size: int
) -> dict[str, Any]:
    """The report, in JSON's types.

    Parameters
    ----------
    shards : mapping
        Those of "train" and "val".
    """
    counts = _merged(site)
    fates = store.load(task_folder(site.folders["near"], 0) / FATES)
    kept = fates == KEPT
    sizes = documents.rows["bytes"]
    splits = {split: _split(shards[split]) for split in SPLITS}
    unique = {"documents": int(kept.sum()), "bytes": int(sizes[kept].sum())}
    funnel = [{"step": name, **_short(meter)} for name, meter in counts["steps"].items()]
    funnel += _after_duplicates(counts, funnel[-1])
    funnel.append({"step": "mixture", **_mixed(site, documents)})
    return {
        "format": FORMAT,
        "version": 1,
        "name": site.config.name,
        "description": site.config.description,
        "funnel": funnel,
        "rules": _rules(counts),
        "sources": _sources(site, documents, counts, kept),
        "splits": splits,
        "unique": unique,
        "vocab_size": vocab_size,
        "lengths": _lengths(counts, sizes[kept]),
        "errors": counts["errors"].to_dict(),
        "stages": _stages(site, counts, len(fates), int(sizes.sum()), unique, splits),
    }


def _merged(site: Site) -> dict[str, Any]:
    """The counts of all parts added up, and those of reading by source too."""
    merged: dict[str, Any] = {
        "steps": {name: Meter() for name in ("read", *STEPS)},
        "rules": {name: {} for name in (*STEPS, *DEDUPLICATION)},
        "sources": {},
        "errors": Errors(),
        "input_bytes": 0,
    }
    for number in range(len(site.parts)):
        part = _json(task_folder(site.folders["filter"], number) / COUNTS)
        merged["input_bytes"] += part["input_bytes"]
        of_source = merged["sources"].setdefault(part["source"], Meter())
        of_source.merge(part["steps"]["read"])
        for name, meter in part["steps"].items():
            merged["steps"][name].merge(meter)
        merged["errors"].merge(Errors.from_dict(part["errors"]))
        duplicates = _json(task_folder(site.folders["encode"], number) / DUPLICATES)
        for name, rules in {**part["rules"], **duplicates}.items():
            merge_rules(merged["rules"][name], rules)
    return merged


def _json(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_bytes())
        return found
    except (OSError, ValueError) as error:
        raise MinilmError(f"cannot read {path}: {error}; delete the folder work") from None


def _short(meter: Meter) -> dict[str, int]:
    return {"documents": meter.documents, "bytes": meter.bytes}


def _after_duplicates(counts: dict[str, Any], before: dict[str, Any]) -> list[dict[str, Any]]:
    """What is left when exact, then near duplicates have gone."""
    found = []
    n, size = before["documents"], before["bytes"]
    for name in DEDUPLICATION:
        for rule in counts["rules"][name].values():
            n, size = n - rule["documents"], size - rule["bytes"]
        found.append({"step": name, "documents": n, "bytes": size})
    return found


def _taken(site: Site, split: str) -> tuple[NDArray, NDArray]:
    """(numbers, entries) of the documents of a side, in their order, repeated as they are."""
    folder = task_folder(site.folders["order"], 0)
    return store.load(folder / f"{split}-numbers.npy"), store.load(folder / f"{split}.npy")


def _mixed(site: Site, documents: Documents) -> dict[str, int]:
    """Different documents in the corpus, whichever their side."""
    numbers = np.unique(np.concatenate([_taken(site, split)[0] for split in SPLITS]))
    return {"documents": len(numbers), "bytes": int(documents.rows["bytes"][numbers].sum())}


def _rules(counts: dict[str, Any]) -> list[dict[str, Any]]:
    """Those that rejected something, the busiest of each step first."""
    found = []
    for step, rules in counts["rules"].items():
        busiest = sorted(rules.items(), key=lambda item: (-item[1]["documents"], item[0]))
        found += [{"step": step, "rule": rule, **figures} for rule, figures in busiest]
    return found


def _sources(
    site: Site, documents: Documents, counts: dict[str, Any], kept: NDArray
) -> list[dict[str, Any]]:
    """What was read of each source, what was left of it, asked of it, and delivered."""
    asked = json.loads((task_folder(site.folders["mixture"], 0) / ASKED).read_bytes())
    sizes = documents.rows["bytes"]
    taken = {split: _taken(site, split) for split in SPLITS}
    found = []
    for i, source in enumerate(site.config.sources):
        here = documents.sources == i
        delivered = {}
        for split, (numbers, entries) in taken.items():
            mine = here[numbers]
            delivered[split] = {
                "documents": int(mine.sum()),
                "bytes": int(entries["bytes"][mine].sum()),
                "tokens": int(entries["length"][mine].sum()),
            }
        share = site.config.shares[i]
        found.append(
            {
                "name": source.name,
                "weight": share.weight,
                "epochs": share.epochs,
                "max_bytes": share.max_bytes,
                "read": _short(counts["sources"].get(source.name, Meter())),
                "left": {
                    "documents": int((here & kept).sum()),
                    "bytes": int(sizes[here & kept].sum()),
                },
                "asked_bytes": asked[i],
                **delivered,
            }
        )
    return found


def _split(shards: list[Shard]) -> dict[str, int]:
    return {
        "documents": sum(shard.documents for shard in shards),
        "bytes": sum(shard.bytes for shard in shards),
        "tokens": sum(shard.tokens for shard in shards),
        "shards": len(shards),
    }


def _lengths(counts: dict[str, Any], sizes: NDArray) -> dict[str, dict[str, int]]:
    """Documents by the binary digits of their size, as they were read and as they are kept."""
    kept = Counter(int(size).bit_length() for size in sizes.tolist())
    read = counts["steps"]["read"].to_dict()["lengths"]
    return {"read": read, "kept": {str(digits): kept[digits] for digits in sorted(kept)}}


def _stages(
    site: Site,
    counts: dict[str, Any],
    n_left: int,
    bytes_left: int,
    unique: dict[str, int],
    splits: dict[str, dict[str, int]],
) -> list[dict[str, Any]]:
    """The work of each stage: seconds over all workers, peak memory of one, and amounts."""
    packed = [sum(splits[split][key] for split in SPLITS) for key in ("documents", "bytes")]
    amounts = {"encode": (unique["documents"], unique["bytes"]), "pack": tuple(packed)}
    found: list[dict[str, Any]] = []
    for stage, tasks in site.tasks.items():
        spent = cost(site.folders[stage], tasks)
        n, size = amounts.get(stage, (n_left, bytes_left))
        if stage == "filter":
            # One stage, of which each step's share of the time is known.
            before = {"seconds": 0.0, "cpu_seconds": 0.0}
            read = _short(counts["steps"]["read"])
            for name, meter in counts["steps"].items():
                reached = {key: getattr(meter, key) for key in before}
                own = {key: reached[key] - before[key] for key in before}
                found.append({"stage": name, "tasks": tasks, **own, **read})
                before = reached
            spent |= {key: spent[key] - before[key] for key in before}
            found.append({"stage": "storing", "tasks": tasks, **spent, **_amount(n, size)})
            continue
        found.append({"stage": stage, "tasks": tasks, **spent, **_amount(n, size)})
    return found


def _amount(documents: int, n_bytes: int) -> dict[str, int]:
    return {"documents": documents, "bytes": n_bytes}
