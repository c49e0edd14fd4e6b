"""The models whose golden states are kept."""

from minilm.models.config import GPTConfig
from minilm.optim.config import OptimizerConfig

CONFIGS = {
    "gpt2": GPTConfig(vocab_size=29, block_size=11, n_layer=2, n_head=2, n_embd=20),
    "modern": GPTConfig(
        vocab_size=29,
        block_size=11,
        n_layer=2,
        n_head=4,
        n_kv_head=2,
        n_embd=24,
        position="rope",
        norm="rms_norm",
        activation="swiglu",
        bias=False,
        qk_norm=True,
        tied_head=False,
    ),
}
OPTIMIZER = OptimizerConfig(learning_rate=3e-3, warmup_steps=2, clip_norm=0.5)
STEPS = 10
