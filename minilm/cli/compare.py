"""``minilm compare``: the first tensor at which a port leaves the golden states."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from tyro.conf import Positional

from minilm.cli.formatting import printable, to_json
from minilm.cli.options import POSITIVE, described

__all__ = ["Compare"]


@dataclass(frozen=True)
class Compare:
    """Show where a port parts from golden states: the first tensor that differs, how and where.

    A is written by minilm golden; B may be any safetensors file with some of its names.
    Exits with 1 if they differ.
    """

    examples: ClassVar[tuple[tuple[str, str], ...]] = (
        ("minilm compare A B", "find where a port first goes wrong"),
        ("minilm compare golden.safetensors port.safetensors --all", ""),
        ("minilm compare golden.safetensors port.safetensors --tolerance 1e-6", ""),
    )

    a: Annotated[Positional[str], described("A")]
    """Golden file, whose description has the order of computation."""
    b: Annotated[Positional[str], described("B")]
    """Another one, or what a port wrote under the same names."""
    tolerance: Annotated[
        float | None, POSITIVE, described(hint="(default: 1e-9, for float32 1e-5)")
    ] = None
    """Of the largest number in each tensor of A."""
    all: Annotated[bool, described()] = False
    """List every tensor that differs."""
    json: Annotated[bool, described()] = False
    """Print one JSON object."""

    def run(self) -> int:
        """Compare and print; 1 if anything differs."""
        from minilm.golden import compare
        from minilm.golden.report import parting_line

        found = compare(self.a, self.b, tolerance=self.tolerance)
        if self.json:
            print(to_json(found.to_dict(everything=self.all)))
        else:
            print(printable(str(found), keep="\n"))
            if self.all and found.parted:
                print(
                    f"\n{len(found.parted):,} of {found.n_tensors:,} differ; of each the error:\n"
                )
                for parting in found.parted:
                    print(f"  {printable(parting_line(parting))}")
        return 0 if found.alike else 1
