"""A GPT in PyTorch that keeps every number, to be compared with a golden file of minilm.

python torch_gpt.py golden.safetensors port.safetensors
"""

import json
import math
import sys

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch.nn import functional as F


class GPT:
    """GPT-2's choices: learned positions, LayerNorm first, GELU by tanh, a tied head."""

    def __init__(self, config, parameters):
        self.config, self.parameters = config, parameters
        self.values = {}

    def keep(self, name, x):
        """Remember an intermediate under minilm's name, and let autograd keep its gradient."""
        x.retain_grad()
        self.values[name] = x
        return x

    def linear(self, name, x):
        weight, bias = self.parameters[f"{name}.weight"], self.parameters[f"{name}.bias"]
        return self.keep(name, x @ weight + bias)

    def norm(self, name, x):
        weight, bias = self.parameters[f"{name}.weight"], self.parameters[f"{name}.bias"]
        return self.keep(name, F.layer_norm(x, x.shape[-1:], weight, bias, eps=1e-5))

    def attention(self, name, x):
        B, T, C = x.shape
        D = C // self.config["n_head"]
        q, k, v = self.linear(f"{name}.qkv", x).chunk(3, dim=-1)
        q = self.keep(f"{name}.query", q.view(B, T, -1, D).transpose(1, 2))
        k = self.keep(f"{name}.key", k.view(B, T, -1, D).transpose(1, 2))
        v = self.keep(f"{name}.value", v.view(B, T, -1, D).transpose(1, 2))
        future = torch.ones(T, T, dtype=torch.bool).triu(1)
        scores = q @ k.transpose(2, 3) / math.sqrt(D)
        scores = self.keep(f"{name}.scores", scores.masked_fill(future, -math.inf))
        weights = self.keep(f"{name}.weights", scores.softmax(-1))
        mixed = self.keep(f"{name}.mixed", weights @ v)
        return self.linear(f"{name}.projection", mixed.transpose(1, 2).reshape(B, T, C))

    def mlp(self, name, x):
        h = self.linear(f"{name}.up", x)
        h = self.keep(f"{name}.activation", F.gelu(h, approximate="tanh"))
        return self.linear(f"{name}.down", h)

    def loss(self, tokens, targets):
        """Mean cross-entropy in nats."""
        table = self.parameters["token_embedding.weight"]
        positions = self.parameters["position_embedding.weight"][: tokens.shape[1]]
        x = self.keep("token_embedding", table[tokens])
        x = x + self.keep("position_embedding", positions)
        x = self.keep("embedding", x)
        for i in range(self.config["n_layer"]):
            name = f"blocks.{i}"
            x = x + self.attention(f"{name}.attention", self.norm(f"{name}.norm_1", x))
            x = self.keep(f"{name}.middle", x)
            x = x + self.mlp(f"{name}.mlp", self.norm(f"{name}.norm_2", x))
            x = self.keep(name, x)
        logits = self.keep("head", self.norm("final_norm", x) @ table.T)
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=-100)


def main(golden, port):
    with safe_open(golden, "pt") as file:
        about = json.loads(file.metadata()["golden"])
        names = [tensor["name"] for tensor in about["tensors"]]
        given = {name: file.get_tensor(name) for name in names}
    recipe, optimizer = about["recipe"], about["recipe"]["optimizer"]
    parameters, groups = {}, {True: [], False: []}
    for tensor in about["tensors"]:
        if tensor["role"] == "parameter":
            p = given[tensor["name"]].clone().requires_grad_()
            parameters[tensor["name"].removeprefix("parameter.")] = p
            groups[tensor["decay"]].append(p)
    adamw = torch.optim.AdamW(
        [
            {"params": groups[True], "weight_decay": optimizer["weight_decay"]},
            {"params": groups[False], "weight_decay": 0.0},
        ],
        betas=(optimizer["beta1"], optimizer["beta2"]),
        eps=optimizer["eps"],
    )
    model, written = GPT(recipe["model"], parameters), {}

    def write(name, x):
        written[name] = x.detach().clone().contiguous()

    for step in range(1, about["steps"] + 1):
        adamw.zero_grad()
        loss = model.loss(given["input.tokens"][step - 1], given["input.targets"][step - 1])
        loss.backward()
        if step == 1:
            write("loss", loss)
            for name, x in model.values.items():
                write(f"value.{name}", x)
                write(f"gradient.value.{name}", x.grad)
            for name, p in parameters.items():
                write(f"gradient.parameter.{name}", p.grad)
        norm = torch.nn.utils.clip_grad_norm_(parameters.values(), optimizer["clip_norm"])
        for group in adamw.param_groups:
            group["lr"] = given[f"step.{step}.learning_rate"].item()
        adamw.step()
        write(f"step.{step}.loss", loss)
        write(f"step.{step}.gradient_norm", norm)
        for name, p in parameters.items():
            write(f"step.{step}.parameter.{name}", p)
    save_file(written, port)


if __name__ == "__main__":
    main(*sys.argv[1:])
