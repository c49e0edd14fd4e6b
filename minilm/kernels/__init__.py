"""The operations of `minilm.reference` compiled by Numba: same names, same signatures.

The formulas, shapes and derivations stand in the reference; here is what makes them
fast. A file holds the public `forward` and `backward`, which check and lay out their
arguments, and the compiled loops beneath them. Shared by all: `jit` (how they are compiled,
for the `processor`, with `code_cache` and `ahead`), `layout`, `exponential`, `pairs`, room to
work in (`scratch`) and rows asked for ahead (`fetch`); and for products of matrices `product`,
made of the tiles of `registers` and the vector instructions of `vectors`, with factors in order
(`packing`) and what is done to a block in the cache (`blocks`), or for few rows of what
`few_rows`, `streams` and `reading` read in the order of memory; in mixed precision `bfloat16`,
`bfloat16_tiles` and `bfloat16_product`, and for weights kept so `packed_halves`,
`packed_halves_unit` and `tile_stream`. `softmax`, which runs inside attention and the loss, and
`tanh`, which one small vector a sequence goes through, have no twin.

Text has twins, too, held against the reference in the same way: the steps of byte-pair
encoding (`bpe_...`, `heap`), and those of curating a corpus (`words`, `word_marks`,
`word_hashes`, `repetition`, `minhash`, `union_find`).

The rules that the loops follow
-------------------------------
- One signature per dtype. Arguments are made C-contiguous first, or taken with any strides;
  numbers come in as the arrays' own dtype, since a float64 among float32 would widen all
  arithmetic. What needs its digits comes as two float32: see `pairs`.
- Sums along a row may be regrouped by the compiler, or they could not use vectors. What
  relies on the order of operations stands in a helper of its own, compiled as written.
- Slice, then count from 0: ``row = x[i]`` and ``for c in range(row.size)``. For an index
  that starts elsewhere Numba must allow for negative values, and vectors are lost.
- Rows of a loop that is called often: `vectors.part`, which counts no references.
- A loop writes few arrays. The compiler tests at run time that what it writes overlaps
  nothing else, and gives up on vectors beyond eight such tests.
- Work is cut into chunks that depend on the shapes alone. Sums over rows are kept per
  chunk and added up in order, so results do not depend on the number of threads, nor on
  which of them was first.
- Small arrays are done by the calling thread: sharing with others costs some 5 us.
"""
