"""The mathematics: one file per operation, `forward` beside `backward`, plain NumPy.

Each file is the definition of its operation, written to be read: the formula, the shapes,
how the backward pass follows from it, and the paper it comes from. `minilm.kernels` has
compiled twins of the expensive ones, with the same names and signatures.

A reading order, from one multiplication to the whole step
----------------------------------------------------------
1.  `linear`                 y = x W + b, and why its gradients are two more products
2.  `squared_relu`           the shortest nonlinearity: what "saved" is for
3.  `gelu`                   GPT-2's nonlinearity, its approximation and the exact one
4.  `swiglu`                 a gated one: two inputs in one array
5.  `embedding`              rows of a table: gradients of repeated ids add up
6.  `softmax`                scores to probabilities without overflow
7.  `softmax_cross_entropy`  the loss, in nats, and its famously short gradient
8.  `layer_norm`             a statistic of x in the way of x: three paths back
9.  `rms_norm`               the same with one path fewer
10. `rope`                   position as a rotation; its gradient turns back
11. `tanh`                   a derivative written in terms of the result
12. `philox`                 random numbers as a pure function of a counter
13. `dropout`                a mask that is never stored
14. `attention`              all of the above at work on one page
15. `adamw`                  what the gradients are for

Shape letters: B batch, T query positions, S key positions, C channels, H heads, K key and
value heads, D head size, V vocabulary, F hidden size of the MLP, N rows.

Not mathematics of gradients, but under the same roof, since they too have compiled twins: the
four steps of byte-pair encoding, `bpe_pieces`, `bpe_counting`, `bpe_training` and `bpe_encoding`;
and of curating a corpus `words`, `word_hashes`, `repetition`, `minhash` and `union_find`.
`residual` is the sum of a branch and the stream around it. For generation only: `half_weights`, a
linear map whose weights take half the memory. In mixed precision `linear_bf16` and
`attention_bf16` stand for `linear` and `attention`.

`cases` makes small, awkward arguments for each operation, for the gradient checker.
"""
