"""Against numbers that PyTorch once gave (tests/golden/make.py), without PyTorch."""

from pathlib import Path

import pytest

from minilm import golden
from minilm.backend import TWINS
from tests.golden.configs import CONFIGS

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize("name", CONFIGS)
def test_what_pytorch_computed(name: str, twin: str, dtype: str) -> None:
    found = golden.check(GOLDEN / f"{name}.safetensors", twin=twin, dtype=dtype)
    assert found.ok, str(found)
    assert found.tolerance == {"float64": 1e-9, "float32": 1e-5}[dtype]
    counts = {group: each.n_tensors for group, each in found.groups.items() if each.n_tensors}
    n_parameters = {"gpt2": 28, "modern": 19}[name]
    assert counts == {"intermediates": 1, "gradients": n_parameters, "losses, norms, rates": 31}


def test_the_files_are_small() -> None:
    for path in GOLDEN.glob("*.safetensors"):
        assert path.stat().st_size <= 250_000
