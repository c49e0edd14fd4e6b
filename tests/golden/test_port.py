"""The page's PyTorch port: it agrees when right, and each planted bug is found where it is."""

import contextlib
import io
import os
import re
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from minilm import __version__, golden  # noqa: E402
from minilm.cli.main import main  # noqa: E402

pytestmark = pytest.mark.oracle

DOCS = Path(__file__).parents[2] / "docs"
SOURCE = (DOCS / "examples" / "torch_gpt.py").read_text(encoding="utf-8")
PAGE = (DOCS / "golden.md").read_text(encoding="utf-8")
MISSING_SCALE = (" / math.sqrt(D)", "")

# Stands in for torch.optim.AdamW: what it does when it forgets that m and v began at 0.
UNCORRECTED = """
class Uncorrected(torch.optim.AdamW):
    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            b1, b2 = group["betas"]
            for p in group["params"]:
                state = self.state[p]
                m = state["m"] = b1 * state.get("m", 0) + (1 - b1) * p.grad
                v = state["v"] = b2 * state.get("v", 0) + (1 - b2) * p.grad**2
                p *= 1 - group["lr"] * group["weight_decay"]
                p -= group["lr"] * m / (v.sqrt() + group["eps"])


def main("""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first command of the page was run."""
    folder = tmp_path_factory.mktemp("port")
    command = re.search(r"^\$ minilm (golden .*--out golden\.safetensors)$", PAGE, re.M)
    home = os.getcwd()
    os.chdir(folder)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            assert main(command[1].split()) == 0
    finally:
        os.chdir(home)
    return folder


def ported(folder: Path, *changes: tuple[str, str]) -> Path:
    """What the port writes when some of its lines are others."""
    source = SOURCE
    for old, new in changes:
        assert source.count(old) == 1, old
        source = source.replace(old, new)
    namespace: dict = {"__name__": "port"}
    exec(compile(source, "torch_gpt.py", "exec"), namespace)
    namespace["main"](folder / "golden.safetensors", folder / "port.safetensors")
    return folder / "port.safetensors"


def shown(folder: Path) -> list[str]:
    """What `minilm compare` prints, as the page shows it."""
    printed = io.StringIO()
    home = os.getcwd()
    os.chdir(folder)
    try:
        with contextlib.redirect_stdout(printed):
            main(["compare", "golden.safetensors", "port.safetensors"])
    finally:
        os.chdir(home)
    return printed.getvalue().splitlines()


def on_page(number: int) -> list[str]:
    """The output of the page's first or second comparison, as if by this version."""
    head = r"\$ python torch_gpt.py [^\n]*\n\$ minilm compare golden.safetensors port.safetensors\n"
    output = re.findall(head + r"(.*?)\n```", PAGE, re.S)[number]
    return re.sub(r"by minilm \S+", f"by minilm {__version__}", output).splitlines()


def test_the_right_port_agrees_with_everything(folder: Path) -> None:
    found = golden.compare(folder / "golden.safetensors", ported(folder))
    assert found.alike, str(found)
    left = [name for name in found.only_a if not name.startswith(("input.", "parameter."))]
    assert all(name.endswith(".learning_rate") for name in left)
    assert found.only_b == []
    assert max(group.error for group in found.groups.values()) < 1e-11
    # Which tensor rounds most, and by how much, depends on the machine.
    table = re.compile(r"^(  [a-z, ]+\d+)  \S+  \S+$")
    page = [table.sub(r"\1", line) for line in on_page(0)]
    assert [table.sub(r"\1", line) for line in shown(folder)] == page


def test_the_missing_scale_is_shown_as_on_the_page(folder: Path) -> None:
    ported(folder, MISSING_SCALE)
    assert shown(folder) == on_page(1)
    assert "1/sqrt(32) = 1/sqrt(D)" in "\n".join(on_page(1))


def test_the_page_shows_the_line() -> None:
    (line,) = re.findall(r"```py\n *(scores = .*)\n```", PAGE)
    assert f" {line}\n" in SOURCE.replace(*MISSING_SCALE)
    assert f" {line}\n" not in SOURCE


BLOCK = "value.blocks.0"
BUGS = {
    "no scale": ([MISSING_SCALE], f"{BLOCK}.attention.scores", "1/sqrt(D)"),
    "wrong scale": ([("math.sqrt(D)", "math.sqrt(C)")], f"{BLOCK}.attention.scores", "sqrt(2)"),
    "exact GELU": ([('approximate="tanh"', 'approximate="none"')], f"{BLOCK}.mlp.activation", None),
    "mask too late": ([("triu(1)", "triu(2)")], f"{BLOCK}.attention.scores", "s = t + 1"),
    "mask too early": ([("triu(1)", "triu(0)")], f"{BLOCK}.attention.scores", "where s = t"),
    "eps of LayerNorm": ([("eps=1e-5", "eps=1e-6")], f"{BLOCK}.norm_1", None),
    "transposed weight": (
        [("        return self.keep(name, x @ weight + bias)",
          "        square = weight.shape[0] == weight.shape[1]\n"
          "        return self.keep(name, x @ (weight.T if square else weight) + bias)")],
        f"{BLOCK}.attention.projection", None,
    ),
    "forgotten bias": (
        [("x @ weight + bias", "x @ weight + 0 * bias")], f"{BLOCK}.attention.qkv", None,
    ),
    "forgotten residual": (
        [("x = x + self.attention", "x = self.attention")],
        f"{BLOCK}.middle", "A minus B is value.embedding: B lacks that term",
    ),
    "forgotten second residual": (
        [("x = x + self.mlp", "x = self.mlp")],
        BLOCK, f"A minus B is {BLOCK}.middle: B lacks that term",
    ),
    "queries for keys": (
        [("q, k, v = self.linear", "k, q, v = self.linear")],
        f"{BLOCK}.attention.query", f"B is what A has as {BLOCK}.attention.key",
    ),
    "positions from 1": (
        [("[: tokens.shape[1]]", "[1 : tokens.shape[1] + 1]")],
        "value.position_embedding", "B is A moved by one along T: B[t] is A[t + 1]",
    ),
    "sum and not mean": (
        [("ignore_index=-100", 'ignore_index=-100, reduction="sum"')], "loss", "1/72 = 1/(B T)",
    ),
    "head not tied": ([("@ table.T", "@ table.detach().T")],
                      "gradient.parameter.token_embedding.weight", None),
    "no gradient through the weights": (
        [("weights @ v", "(weights - 0.5 * (weights - weights.detach())) @ v")],
        "gradient.value.blocks.1.attention.weights", "A is 2 times B",
    ),
    "gradients add up": ([("        adamw.zero_grad()\n", "")], "step.2.gradient_norm", None),
    "no clipping": ([('optimizer["clip_norm"])', "1e9)")],
                    "step.1.parameter.token_embedding.weight", None),
    "no bias correction": (
        [("def main(", UNCORRECTED.lstrip()), ("torch.optim.AdamW(\n", "Uncorrected(\n")],
        "step.1.parameter.token_embedding.weight", None,
    ),
    "weight decay on biases": (
        [('"weight_decay": 0.0', '"weight_decay": optimizer["weight_decay"]')],
        "step.1.parameter.blocks.0.norm_1.weight", None,
    ),
    "no weight decay": (
        [('"weight_decay": optimizer["weight_decay"]', '"weight_decay": 0.0')],
        "step.1.parameter.token_embedding.weight", None,
    ),
    "beta2 of 0.999": ([('(optimizer["beta1"], optimizer["beta2"])',
                         '(optimizer["beta1"], 0.999)')],
                       "step.2.parameter.token_embedding.weight", None),
}  # fmt: skip


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_found_where_it_is(folder: Path, bug: str) -> None:
    changes, name, hint = BUGS[bug]
    found = golden.compare(folder / "golden.safetensors", ported(folder, *changes))
    assert found.first is not None
    assert found.first.name == name
    if hint is not None:
        assert any(hint in each for each in found.first.hints), found.first.hints


def test_masking_by_a_large_number_is_no_bug(folder: Path) -> None:
    found = golden.compare(
        folder / "golden.safetensors", ported(folder, ("future, -math.inf", "future, -1e9"))
    )
    assert found.alike, str(found)


def test_a_port_with_weights_out_in_is_told_so(folder: Path) -> None:
    changed = ported(
        folder,
        ('(f"gradient.parameter.{name}", p.grad)', '(f"gradient.parameter.{name}", p.grad.t())'),
    )
    found = golden.compare(folder / "golden.safetensors", changed)
    assert found.first.name == "gradient.parameter.blocks.1.mlp.down.weight"
    assert found.first.hints == ["B is A transposed"]
