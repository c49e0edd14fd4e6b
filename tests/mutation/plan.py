"""Which files are mutated, and which tests must notice."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

from minilm.reference.cases import OPERATIONS

__all__ = ["SKIPPED", "Tests", "files", "tests_of"]

# The compiler's settings, and what asks for memory ahead: no mathematics.
_LEFT_OUT = ("jit", "fetch")
# Tests that start processes of their own, where no mutant is.
SKIPPED = ("test_memory_does_not_grow_with_the_square_of_the_length",)


@dataclass(frozen=True)
class Tests:
    """Tests of one file: all, or those of a name, or those with these operations' names."""

    file: str
    name: str = ""
    operations: tuple[str, ...] = ()

    def match(self, file: str, name: str, operation: str | None) -> bool:
        wanted = not self.operations or operation in self.operations
        return file == self.file and name.startswith(self.name) and wanted


_CASES = "tests/reference/test_cases.py"
_TWINS = "tests/kernels/test_twins.py"
# In float64 only, so one compilation is enough: first, since most mutants end here.
_ATTENTION = (
    Tests("tests/kernels/test_attention.py", "test_heads_of_a_fused_array"),
    Tests(_TWINS, "test_gradients", ("attention",)),
    Tests("tests/kernels/test_attention.py"),
    Tests(_TWINS, "", ("attention",)),
    Tests("tests/reference/test_attention_documents.py"),
)
_BF16 = (
    Tests("tests/kernels/test_bfloat16.py"),
    Tests("tests/kernels/test_bfloat16_product.py"),
    Tests("tests/kernels/test_linear_bf16.py"),
)
_FEW_ROWS = (Tests("tests/kernels/test_few_rows.py"),)
_PACKED = (
    Tests("tests/kernels/test_packed_halves.py"),
    Tests("tests/reference/test_half_weights.py"),
    Tests("tests/generation/test_half.py"),
)
# Each is held against NumPy by tests of its own; these are what it is for.
_PRODUCT = (
    Tests("tests/kernels/test_product.py"),
    Tests("tests/kernels/test_linear.py"),
)
_VIEWS = Tests("tests/kernels/test_views.py")
# What stands behind several operations is tested with them.
_BEHIND = {
    "reference/attention.py": (
        Tests(_CASES, "", ("attention",)),
        Tests("tests/reference/test_attention_documents.py"),
    ),
    "reference/philox.py": (
        Tests("tests/reference/test_dropout.py"),
        Tests("tests/reference/test_attention.py"),
    ),
    "kernels/attention.py": (*_ATTENTION, _VIEWS),
    "kernels/linear.py": (Tests(_TWINS, "", ("linear",)), _VIEWS),
    "kernels/attention_few.py": _ATTENTION,
    "kernels/attention_head.py": _ATTENTION,
    "kernels/attention_forward.py": _ATTENTION,
    "kernels/attention_backward.py": _ATTENTION,
    "kernels/product.py": _PRODUCT,
    "kernels/packing.py": _PRODUCT,
    "kernels/blocks.py": (*_PRODUCT, *_BF16),
    "kernels/registers.py": _PRODUCT,
    "kernels/vectors.py": _PRODUCT,
    "kernels/processor.py": (Tests("tests/kernels/test_processor.py"), *_PRODUCT),
    "kernels/scratch.py": (Tests("tests/kernels/test_scratch.py"), *_PRODUCT),
    "reference/residual.py": (Tests("tests/kernels/test_residual.py"),),
    "kernels/residual.py": (Tests("tests/kernels/test_residual.py"),),
    "kernels/bfloat16.py": _BF16,
    "kernels/bfloat16_product.py": _BF16,
    "kernels/bfloat16_tiles.py": _BF16,
    "reference/half_weights.py": _PACKED,
    "kernels/half_weights.py": _PACKED,
    "kernels/packed_halves.py": _PACKED,
    "kernels/packed_halves_unit.py": _PACKED,
    "kernels/tile_stream.py": _PACKED,
    "kernels/few_rows.py": _FEW_ROWS,
    "kernels/streams.py": (*_FEW_ROWS, *_ATTENTION),
    "kernels/reading.py": (),
    "kernels/attention_bf16.py": (),
    "kernels/attention_bf16_head.py": (Tests("tests/kernels/test_attention_bf16.py"),),
    "kernels/linear_bf16.py": (),
    "reference/attention_bf16.py": (),
    "reference/linear_bf16.py": (),
    "kernels/philox.py": (Tests("tests/kernels/test_dropout.py"), *_ATTENTION),
    "kernels/layout.py": (
        _VIEWS,
        Tests(_TWINS),
        Tests("tests/kernels/test_adamw.py"),
        Tests("tests/kernels/test_dropout.py"),
        *_ATTENTION,
    ),
    "kernels/pairs.py": (
        Tests("tests/kernels/test_layer_norm.py"),
        Tests("tests/kernels/test_softmax_cross_entropy.py"),
        *_ATTENTION,
    ),
    "kernels/exponential.py": (
        Tests("tests/kernels/test_swiglu.py"),
        Tests("tests/kernels/test_gelu.py"),
        Tests("tests/kernels/test_softmax_cross_entropy.py"),
        Tests(_TWINS, "", ("gelu", "swiglu", "softmax_cross_entropy", "attention")),
    ),
}
_LAYERS = (
    Tests("tests/models/test_costs.py", "test_activation_bytes"),
    Tests("tests/models/test_gpt.py", "test_gradient_along_random_directions"),
    Tests("tests/models/test_bert.py"),
    Tests("tests/models/test_gpt.py"),
    Tests("tests/models/test_golden.py"),
    Tests("tests/generation/test_generate.py"),
)


def files(package: Path) -> list[Path]:
    """The operations with gradients, the optimiser, what they are made of, and all layers.

    Not the tokenizer's: their ids are held against other libraries, equal or not.
    """
    found = []
    for folder in ("reference", "kernels"):
        names = [*OPERATIONS, "residual", "adamw", "linear_bf16", "attention_bf16"]
        names += ["half_weights", "reading"]
        for name in names:  # grows on the way
            path = package / folder / f"{name}.py"
            if path.exists() and path not in found and name not in _LEFT_OUT:
                found.append(path)
                names += _imported(path, f"{package.name}.{folder}")
    layers = (path for path in (package / "nn").glob("*.py") if path.stem != "__init__")
    return [
        *sorted(found, key=lambda path: (path.parent.name != "reference", path)),
        *sorted(layers),
    ]


def _imported(path: Path, folder: str) -> list[str]:
    """The names of the modules of one folder that a file imports."""
    found = []
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module == folder:
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{folder}."):
            found.append((node.module or "").rpartition(".")[2])
    return found


def tests_of(file: str, root: Path) -> tuple[Tests, ...]:
    """The tests for a file such as "kernels/gelu.py", those that fail soonest first."""
    folder, name = file.split("/")
    operation = name.removesuffix(".py")
    own = (Tests(f"tests/{folder}/test_{name}"),)
    own = own if (root / own[0].file).exists() else ()
    if folder == "nn":
        others = sorted((root / "tests/nn").glob("test_*.py"))
        return (*own, *_LAYERS, *(Tests(path.relative_to(root).as_posix()) for path in others))
    if file in _BEHIND:
        return (*own, *_BEHIND[file])
    if operation == "adamw":
        return own
    every = _TWINS if folder == "kernels" else _CASES
    first = Tests(every, "test_gradients", (operation,))
    return (first, *own, Tests(every, "", (operation,)))
