"""The stages of a build in their order, and what the results of each depend on.

index       all at once   runs of words of the held-out texts       -> hashes
filter      per part      read, clean, filter, decontaminate        -> documents
exact       all at once   equal digests                             -> fates, keepers
signatures  per part      MinHash                                   -> band keys
near        all at once   clusters of those that share a band       -> fates, keepers
mixture     all at once   weights, epochs, caps; then the split     -> copies, sides
tokenizer   all at once   learned, or taken as it is                -> tokenizer.json
encode      per part                                                -> ids
order       all at once   shuffled, cut into shards                 -> what goes where
pack        per shard                                               -> the shards
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import minilm
from minilm import tokenizers
from minilm.corpus.building import learning, listing, packing, similarity, store
from minilm.corpus.building.choosing import EXACT, KEPT, NEAR, choose, exact_keepers
from minilm.corpus.building.encoding import LENGTHS, EncodeTask, encode_part
from minilm.corpus.building.filtering import FilterTask, filter_part
from minilm.corpus.building.packing import ENTRY, PackTask, pack_shard
from minilm.corpus.building.signing import BANDS, NUMBERS, SignTask, sign_part
from minilm.corpus.building.site import Site
from minilm.corpus.building.work import task_folder
from minilm.corpus.shards import SPLITS, cut
from minilm.corpus.shards.manifest import TOKENIZER

__all__ = ["ASKED", "Documents", "carry_out", "filter_documents"]

FATES, KEEPERS, GROUPS = "fates.npy", "keepers.npy", "groups.npy"
COPIES, SIDES, ASKED = "copies.npy", "sides.npy", "asked.json"
# What of a source does not change how it is read.
_NOT_READ = ("path", "weight", "epochs", "max_bytes")


class Documents(NamedTuple):
    """All documents that came through the filters, as arrays over them.

    Attributes
    ----------
    folder : path
        Of the stage that wrote them.
    rows : (N,) of `store.ROW`
    sources : (N,) int16
        Index into the recipe's sources.
    firsts : tuple of int
        Number of the first document of each part, and N.
    """

    folder: Path
    rows: NDArray
    sources: NDArray
    firsts: tuple[int, ...]


def filter_documents(site: Site) -> Documents:
    """Read, clean, filter and decontaminate all parts."""
    config = site.config
    index = _index(site)
    settings = {
        "sources": [
            {k: v for k, v in dataclasses.asdict(source).items() if k not in _NOT_READ}
            for source in config.sources
        ],
        "parts": listing.state(site.parts),
        "rules": [list(config.cleaning.items()), list(config.filters.items())],
    }
    stage = site.open("filter", settings)
    n = len(site.parts)
    site.spread(
        "filter", filter_part, n, lambda i: FilterTask(stage, i, site.parts[i], config, index)
    )
    rows = [store.rows(task_folder(stage, i)) for i in range(n)]
    sizes = [len(part) for part in rows]
    numbers = {source.name: i for i, source in enumerate(config.sources)}
    owners = [numbers[part.source.name] for part in site.parts]
    return Documents(
        stage,
        np.concatenate(rows),
        np.repeat(np.array(owners, np.int16), sizes),
        tuple(np.cumsum([0, *sizes]).tolist()),
    )


def _index(site: Site) -> Path:
    """The folder with what `similarity.contamination_rules` needs."""
    config = site.config.decontamination
    against = listing.held_out_state(config)
    site.open("index", [minilm.__version__, config and config.n, against])

    def work(folder: Path) -> None:
        if config is not None:
            similarity.save_index(config, folder)

    return site.alone("index", work)


def carry_out(site: Site, documents: Documents) -> None:
    """All stages after the first."""
    exact = _exact(site, documents)
    near = _near(site, documents, exact)
    mixture = _mixture(site, documents, near)
    tokenizer = _tokenizer(site, documents, mixture)
    _encode(site, documents, near, mixture, tokenizer)
    _pack(site, documents, mixture, tokenizers.load(tokenizer).dtype.__name__)


def _exact(site: Site, documents: Documents) -> Path:
    config = site.config.deduplication
    wanted = config is not None and config.exact
    site.open("exact", wanted)

    def work(folder: Path) -> None:
        numbers = np.arange(len(documents.rows))
        keepers = exact_keepers(documents.rows["digest"]) if wanted else numbers
        store.save(folder / KEEPERS, keepers)
        store.save(folder / FATES, np.where(keepers == numbers, KEPT, EXACT).astype(np.uint8))

    return site.alone("exact", work)


def _near(site: Site, documents: Documents, exact: Path) -> Path:
    """The folder with the final fates, keepers and clusters."""
    config = site.config.deduplication
    n_parts = len(site.parts)
    settings = config and dataclasses.asdict(config)
    stage = site.open("signatures", settings)
    if config is not None and config.near:
        fates, firsts = exact / FATES, documents.firsts
        site.spread(
            "signatures",
            sign_part,
            n_parts,
            lambda i: SignTask(stage, i, documents.folder, fates, firsts[i], config),
        )
    site.open("near", settings)

    def work(folder: Path) -> None:
        fates, keepers = store.load(exact / FATES), store.load(exact / KEEPERS)
        clusters = keepers.copy()
        if config is not None and config.near:
            done = [task_folder(stage, i) for i in range(n_parts)]
            files = [(path / BANDS, path / NUMBERS) for path in done]
            found = similarity.near_keepers(files, documents.rows["bytes"], folder)
            # An exact duplicate of one that is a near duplicate belongs with it.
            clusters = found[keepers]
            if config.keep == "longest":
                fates[(fates == KEPT) & (found != np.arange(len(found)))] = NEAR
                keepers = clusters
        store.save(folder / FATES, fates)
        store.save(folder / KEEPERS, keepers)
        store.save(folder / GROUPS, clusters)

    return site.alone("near", work)


def _mixture(site: Site, documents: Documents, near: Path) -> Path:
    config = site.config
    shares = [dataclasses.asdict(share) for share in config.shares]
    site.open("mixture", [shares, config.seed, dataclasses.asdict(config.split)])

    def work(folder: Path) -> None:
        choice = choose(
            documents.rows,
            documents.sources,
            store.load(near / FATES),
            store.load(near / GROUPS),
            config.shares,
            seed=config.seed,
            validation=config.split.validation,
            split_seed=config.split.seed,
        )
        store.save(folder / COPIES, choice.copies)
        store.save(folder / SIDES, choice.held_out)
        (folder / ASKED).write_text(json.dumps(choice.asked), encoding="utf-8")

    return site.alone("mixture", work)


def _tokenizer(site: Site, documents: Documents, mixture: Path) -> Path:
    """The file of the tokenizer."""
    config = site.config.tokenizer
    settings = dataclasses.asdict(config) | {"name": learning.check(config) or config.name}
    site.open("tokenizer", [settings, site.config.seed])

    def work(folder: Path) -> None:
        copies, sides = store.load(mixture / COPIES), store.load(mixture / SIDES)
        chosen = learning.taught(documents.rows, copies, sides, config, site.config.seed)
        made = learning.make(config, documents.folder, documents.firsts, chosen)
        made.save(folder / TOKENIZER)

    return site.alone("tokenizer", work) / TOKENIZER


def _encode(site: Site, documents: Documents, near: Path, mixture: Path, tokenizer: Path) -> None:
    stage = site.open("encode", None)

    def task(i: int) -> EncodeTask:
        return EncodeTask(
            stage=stage,
            number=i,
            documents=documents.folder,
            copies=mixture / COPIES,
            fates=near / FATES,
            keepers=near / KEEPERS,
            firsts=documents.firsts,
            tokenizer=tokenizer,
        )

    site.spread("encode", encode_part, len(site.parts), task)


def _pack(site: Site, documents: Documents, mixture: Path, dtype: str) -> None:
    seed, most = site.config.seed, site.config.shards.max_tokens
    encoded = site.folders["encode"]
    site.open("order", [seed, most])
    ordered = site.alone(
        "order", lambda folder: _save_order(folder, documents, encoded, mixture, seed, most)
    )
    stage = site.open("pack", None)
    plan: list[Any] = json.loads((ordered / "shards.json").read_bytes())
    for number, (_, name, _, _) in enumerate(plan):
        # Someone may have deleted a shard since; then it is written again.
        if not all((site.out / f"{name}{suffix}").exists() for suffix in (".bin", ".idx")):
            shutil.rmtree(task_folder(stage, number), ignore_errors=True)

    def task(i: int) -> PackTask:
        split, name, first, end = plan[i]
        path = ordered / f"{split}.npy"
        return PackTask(stage, i, site.out, name, path, first, end, encoded, dtype)

    site.spread("pack", pack_shard, len(plan), task)


def _save_order(
    folder: Path, documents: Documents, encoded: Path, mixture: Path, seed: int, most: int
) -> None:
    """Write the entries of each side in their order, and where it is cut into shards."""
    n_parts = len(documents.firsts) - 1
    lengths = [store.load(task_folder(encoded, i) / LENGTHS) for i in range(n_parts)]
    entries = np.empty(len(documents.rows), ENTRY)
    entries["part"] = np.repeat(np.arange(n_parts), [len(part) for part in lengths])
    entries["first"] = np.concatenate([np.cumsum(part) - part for part in lengths])
    entries["length"] = np.concatenate(lengths)
    entries["bytes"] = documents.rows["bytes"]
    copies, sides = store.load(mixture / COPIES), store.load(mixture / SIDES)
    plan = []
    for split in SPLITS:
        times = np.where(sides == (split == "val"), copies, 0)
        found, numbers = packing.order(entries, documents.rows["digest"], times, seed)
        store.save(folder / f"{split}.npy", found)
        store.save(folder / f"{split}-numbers.npy", numbers)
        for i, (first, end) in enumerate(cut(found["length"], most)):
            plan.append((split, f"{split}-{i:05d}", first, end))
    (folder / "shards.json").write_text(json.dumps(plan), encoding="utf-8")
