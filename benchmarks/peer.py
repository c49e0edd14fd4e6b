"""The same GPT in PyTorch: the peer for speed, and the oracle for the tests.

It takes minilm's parameters by name and layout, weights (in, out), and computes with
PyTorch's own operations and autograd, in the idiom of nanoGPT: fused attention
(`scaled_dot_product_attention`), everything else left to the framework.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from minilm.models.config import GPTConfig
from minilm.nn.parameters import Parameters

__all__ = ["PeerGPT", "adamw", "cosine"]


class PeerGPT(torch.nn.Module):
    """A GPT of any `GPTConfig`, without dropout, on a copy of minilm's parameters."""

    def __init__(self, config: GPTConfig, parameters: Parameters) -> None:
        super().__init__()
        self.config = config
        self.names = [p.name for p in parameters]
        self.decaying = {p.name for p in parameters if p.decay}
        for p in parameters:
            # Dots are not allowed in the names of registered parameters.
            self.register_parameter(
                p.name.replace(".", "/"), torch.nn.Parameter(torch.from_numpy(p.value.copy()))
            )

    def __getitem__(self, name: str) -> Tensor:
        return self.get_parameter(name.replace(".", "/"))

    def _has(self, name: str) -> bool:
        return name.replace(".", "/") in self._parameters

    def _linear(self, x: Tensor, name: str) -> Tensor:
        bias = self[f"{name}.bias"] if self._has(f"{name}.bias") else None
        return F.linear(x, self[f"{name}.weight"].t(), bias)

    def _norm(self, x: Tensor, name: str) -> Tensor:
        weight, eps = self[f"{name}.weight"], self.config.norm_eps
        if self.config.norm == "rms_norm" or "query_norm" in name or "key_norm" in name:
            return F.rms_norm(x, (x.shape[-1],), weight, eps)
        bias = self[f"{name}.bias"] if self._has(f"{name}.bias") else None
        return F.layer_norm(x, (x.shape[-1],), weight, bias, eps)

    def _rope(self, x: Tensor) -> Tensor:
        D, T = x.shape[-1], x.shape[-2]
        inverse = self.config.rope_base ** (-torch.arange(0, D, 2, dtype=torch.float64) / D)
        angle = torch.arange(T, dtype=torch.float64)[:, None] * inverse
        cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
        a, b = x[..., : D // 2], x[..., D // 2 :]
        return torch.cat([a * cos - b * sin, b * cos + a * sin], dim=-1)

    def _attention(self, x: Tensor, name: str) -> Tensor:
        c = self.config
        B, T, _ = x.shape
        H, K, D = c.n_head, c.kv_heads, c.head_size
        qkv = self._linear(x, f"{name}.qkv").view(B, T, H + 2 * K, D).transpose(1, 2)
        q, k, v = qkv.split([H, K, K], dim=1)
        if c.qk_norm:
            q = self._norm(q, f"{name}.query_norm")
            k = self._norm(k, f"{name}.key_norm")
        if c.position == "rope":
            q, k = self._rope(q), self._rope(k)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=H != K)
        y = y.transpose(1, 2).reshape(B, T, H * D)
        return self._linear(y, f"{name}.projection")

    def _mlp(self, x: Tensor, name: str) -> Tensor:
        h = self._linear(x, f"{name}.up")
        if self.config.activation == "gelu":
            h = F.gelu(h, approximate="tanh")
        elif self.config.activation == "gelu_exact":
            h = F.gelu(h)
        elif self.config.activation == "swiglu":
            gate, up = h.chunk(2, dim=-1)
            h = F.silu(gate) * up
        else:
            h = F.relu(h).square()
        return self._linear(h, f"{name}.down")

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens (B, T) -> logits (B, T, V)."""
        c = self.config
        x = F.embedding(tokens, self["token_embedding.weight"])
        if c.position == "learned":
            x = x + self["position_embedding.weight"][: tokens.shape[1]]
        for i in range(c.n_layer):
            block = f"blocks.{i}"
            x = x + self._attention(self._norm(x, f"{block}.norm_1"), f"{block}.attention")
            x = x + self._mlp(self._norm(x, f"{block}.norm_2"), f"{block}.mlp")
        x = self._norm(x, "final_norm")
        head = self["token_embedding.weight"] if c.tied_head else self["head.weight"].t()
        return F.linear(x, head)

    def loss(self, tokens: Tensor, targets: Tensor) -> Tensor:
        """Mean cross-entropy in nats per token."""
        logits = self(tokens)
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


def adamw(model: PeerGPT, config: object, *, fused: bool = False) -> torch.optim.AdamW:
    """PyTorch's AdamW with the decay groups of minilm and an `OptimizerConfig`'s constants."""
    groups = [
        {
            "params": [model[n] for n in model.names if n in model.decaying],
            "weight_decay": config.weight_decay,
        },
        {"params": [model[n] for n in model.names if n not in model.decaying], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        groups,
        lr=config.learning_rate,
        betas=(config.beta1, config.beta2),
        eps=config.eps,
        fused=fused,
    )


def cosine(step: int, n_steps: int, config: object) -> float:
    """The cosine schedule with warmup, written a second time for the oracle."""
    if step < config.warmup_steps:
        return config.learning_rate * (step + 1) / (config.warmup_steps + 1)
    progress = (step - config.warmup_steps) / (n_steps - config.warmup_steps)
    span = config.learning_rate - config.min_learning_rate
    return config.min_learning_rate + 0.5 * (1 + math.cos(math.pi * progress)) * span
