"""The cache against the uncached model, and text that outgrows the context."""

import gc
import weakref
from dataclasses import replace

import numpy as np
import pytest

from minilm.errors import MinilmError
from minilm.generation.cache import Cache
from minilm.generation.generate import generate, window
from minilm.generation.pretrained import Pretrained
from minilm.models.config import GPTConfig
from minilm.models.gpt import GPT
from minilm.nn.rope_scaling import RopeScaling
from minilm.optim.adamw import AdamW
from minilm.optim.config import OptimizerConfig
from minilm.tokenizers import BytesTokenizer, CharTokenizer

GPT2 = GPTConfig(vocab_size=17, block_size=12, n_layer=2, n_head=2, n_embd=16)
MODERN = replace(
    GPT2,
    n_head=4,
    n_kv_head=2,
    position="rope",
    norm="rms_norm",
    activation="swiglu",
    bias=False,
    qk_norm=True,
    tied_head=False,
)


def _model(config: GPTConfig) -> GPT:
    model = GPT(config, seed=1)
    noise = np.random.default_rng(2).normal(0, 0.3, model.parameters.values.shape)
    model.parameters.values += noise.astype(np.float32)
    return model


@pytest.mark.parametrize("config", [GPT2, MODERN], ids=["gpt2", "modern"])
@pytest.mark.parametrize("pieces", [[12], [1] * 12, [5, 1, 6], [1, 4, 7]])
def test_cached_logits_equal_uncached_ones(config: GPTConfig, pieces: list[int]) -> None:
    model = _model(config)
    tokens = np.random.default_rng(0).integers(0, 17, (3, 12))
    whole, _ = model.forward(tokens)
    cache, done = Cache(model, batch_size=3), 0
    for n in pieces:
        logits = cache.extend(tokens[:, done : done + n])
        done += n
        scale = np.abs(whole).max()
        assert np.abs(logits - whole[:, done - 1]).max() < 1e-5 * scale
        assert cache.length == done
    with pytest.raises(MinilmError, match="13 positions do not fit"):
        cache.extend(tokens[:, :1])


@pytest.mark.parametrize("config", [GPT2, MODERN, replace(GPT2, block_size=1)])
@pytest.mark.parametrize("n_prompt", [1, 12, 13, 40])
def test_generation_with_and_without_cache_far_beyond_the_context(
    config: GPTConfig, n_prompt: int
) -> None:
    model = _model(config)
    prompt = np.random.default_rng(n_prompt).integers(0, 17, n_prompt)
    texts = [
        list(
            generate(
                model, prompt, rng=np.random.default_rng(3), max_tokens=50, use_cache=use_cache
            )
        )
        for use_cache in (True, False)
    ]
    assert texts[0] == texts[1]
    assert len(texts[0]) == 50


SCALINGS = {
    "dynamic": RopeScaling("dynamic", factor=4.0, original_context=5),
    "longrope": RopeScaling(
        "longrope", original_context=5, short_factors=(1.0,) * 4, long_factors=(3.0,) * 4
    ),
    "yarn": RopeScaling("yarn", factor=4.0, original_context=5),
}


@pytest.mark.parametrize(
    ("kind", "n_prompt", "differ_from"),
    [
        ("dynamic", 3, 6),
        ("dynamic", 8, 9),
        ("longrope", 3, 6),
        ("longrope", 8, 13),
        ("yarn", 3, 13),
    ],
)
def test_where_keys_in_the_cache_are_turned_otherwise(
    kind: str, n_prompt: int, differ_from: int
) -> None:
    """Only scaling by length, and only with keys from before the length changed it."""
    config = replace(MODERN, n_embd=32, rope_scaling=SCALINGS[kind])
    model, tokens = _model(config), np.random.default_rng(0).integers(0, 17, (1, 12))
    cache, done = Cache(model), 0
    for n in range(n_prompt, 13):
        logits, (whole, _) = cache.extend(tokens[:, done:n]), model.forward(tokens[:, :n])
        same = np.allclose(logits, whole[:, -1], rtol=0, atol=1e-5 * np.abs(whole).max())
        assert same == (n < differ_from), n
        done = n


def test_greedy_takes_the_likeliest_of_what_the_window_shows() -> None:
    model = _model(GPT2)
    prompt = np.arange(9) % 17
    tokens = prompt.tolist()
    for token in generate(
        model, prompt, rng=np.random.default_rng(0), max_tokens=20, temperature=0
    ):
        first = window(len(tokens), 12)
        assert 6 <= len(tokens) - first <= 12
        logits, _ = model.forward(np.array([tokens[first:]]))
        assert token == int(logits[0, -1].argmax())
        tokens.append(token)


@pytest.mark.parametrize("block_size", [1, 2, 3, 12])
def test_the_window_moves_forward_and_always_fits(block_size: int) -> None:
    firsts = [window(n, block_size) for n in range(1, 60)]
    assert firsts == sorted(firsts)
    for n, first in enumerate(firsts, start=1):
        assert max(1, min(n, block_size // 2)) <= n - first <= block_size


def test_text_in_text_out() -> None:
    tokenizer = BytesTokenizer()
    model = _model(replace(GPT2, vocab_size=tokenizer.vocab_size))
    pretrained = Pretrained(model, tokenizer)
    text = pretrained.generate("né", max_tokens=30, seed=4)
    assert text == "".join(pretrained.stream("né", max_tokens=30, seed=4))
    assert text == pretrained.generate("né", max_tokens=30, seed=4)
    assert text != pretrained.generate("né", max_tokens=30, seed=5)
    assert any("outgrows the context of 12 tokens" in note for note in pretrained.notes)
    pretrained.generate("a prompt of more than twelve bytes", max_tokens=1)
    assert any("the model sees the last" in note for note in pretrained.notes)


def test_generation_stops_at_the_end_of_a_document() -> None:
    tokenizer = BytesTokenizer()
    model = _model(replace(GPT2, vocab_size=tokenizer.vocab_size, tied_head=False))
    model.parameters["head.weight"].value[...] = 0
    model.parameters["final_norm.bias"].value[...] = 1
    model.parameters["head.weight"].value[:, tokenizer.end_of_text] = 1
    assert Pretrained(model, tokenizer).generate("a", temperature=0) == ""


def test_an_empty_prompt_begins_a_line_where_there_are_no_documents() -> None:
    tokenizer = CharTokenizer.train(["abc\n"], with_end_of_text=False)
    pretrained = Pretrained(_model(replace(GPT2, vocab_size=4)), tokenizer)
    expected = pretrained.generate("\n", max_tokens=5, seed=1)
    assert pretrained.generate("", max_tokens=5, seed=1) == expected
    assert "starting after '\\n'" in pretrained.notes[-1]


def test_what_cannot_be_generated_says_why() -> None:
    tokenizer = CharTokenizer.train(["abc\n"], with_end_of_text=False)
    pretrained = Pretrained(_model(replace(GPT2, vocab_size=4)), tokenizer)
    with pytest.raises(MinilmError, match="LATIN SMALL LETTER Z"):
        pretrained.generate("z")
    with pytest.raises(MinilmError, match="max_tokens"):
        pretrained.generate("a", max_tokens=-1)
    with pytest.raises(MinilmError, match="temperature"):
        pretrained.generate("a", temperature=-1.0)


def test_large_memory_is_free_as_soon_as_it_is_dropped() -> None:
    # Without waiting for Python to look for circles, which it does by the count of objects.
    model = GPT(GPTConfig(vocab_size=9, block_size=8, n_layer=1, n_head=1, n_embd=8))
    cache, optimizer = Cache(model), AdamW(model.parameters, OptimizerConfig(), 10)
    cache.extend(np.zeros((1, 2), int))
    left = [weakref.ref(x) for x in (cache, optimizer, model.parameters, model)]
    gc.disable()
    try:
        del cache, optimizer, model
        assert [x() for x in left] == [None] * 4
    finally:
        gc.enable()
