"""A tokenised corpus on disk: memory-mapped ids, where documents start, and who made them.

manifest.json      what is here, with a digest of every file; written last
tokenizer.json     the tokenizer that made the ids
train-00000.bin    token ids, uint16 or uint32, little endian, nothing else
train-00000.idx    int64, little endian: where each document starts, then the end
val-00000.bin      the same for the held-out documents
val-00000.idx
"""

from minilm.corpus.shards.ids import ShardedIds
from minilm.corpus.shards.manifest import MANIFEST, SPLITS, Manifest, Shard
from minilm.corpus.shards.reading import Shards, is_shards, open_shards, text_ids
from minilm.corpus.shards.writing import cut, write_shard

__all__ = [
    "MANIFEST",
    "SPLITS",
    "Manifest",
    "Shard",
    "ShardedIds",
    "Shards",
    "cut",
    "is_shards",
    "open_shards",
    "text_ids",
    "write_shard",
]
