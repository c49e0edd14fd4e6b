"""Texts that say the same: exact copies by digest, near copies by MinHash.

`exact_duplicates` and `near_duplicates` do it in one call. For corpora that do not fit in
memory their parts are here too: `signatures` and `bands` of some texts at a time (or
`exact_keys`), `clusters` of all of them from files, and `keep_longest`.
"""

from __future__ import annotations

from minilm.corpus.deduplication.clustering import clusters, keep_longest, longest
from minilm.corpus.deduplication.exact import digest, exact_duplicates, exact_keys
from minilm.corpus.deduplication.near import MinHashConfig, bands, near_duplicates, signatures
from minilm.corpus.deduplication.normal import normalised

__all__ = [
    "MinHashConfig",
    "bands",
    "clusters",
    "digest",
    "exact_duplicates",
    "exact_keys",
    "keep_longest",
    "longest",
    "near_duplicates",
    "normalised",
    "signatures",
]
