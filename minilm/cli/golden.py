"""``minilm golden``: every number of ten training steps in a file, or held against one."""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from tyro.conf import Positional, UseAppendAction

from minilm.cli.formatting import memory, printable, to_json
from minilm.cli.options import COUNT, WHOLE, described
from minilm.cli.pretrain import DEFAULT_RECIPE, chosen_recipe
from minilm.errors import MinilmError

if TYPE_CHECKING:
    from minilm.cli.bar import Bar
    from minilm.golden.recording import Recording
    from minilm.golden.sources import Source

__all__ = ["Golden"]

DEFAULT_STEPS = 10


@dataclass(frozen=True)
class Golden:
    """Write golden states for a port to be compared with, or check this build against them.

    The file has inputs, parameters, every intermediate value, the gradient of everything,
    and the parameters after each of ten steps of AdamW; docs/golden.md explains it. With
    --check all is computed anew; exits with 1 if anything differs.
    """

    examples: ClassVar[tuple[tuple[str, str], ...]] = (
        ("minilm golden --out FILE.safetensors", "write numbers to hold a port against"),
        ("minilm golden RUN --out FILE.safetensors --dtype float32", ""),
        ("minilm golden --set n_layer=1 --steps 0 --out FILE.safetensors", ""),
        ("minilm golden --check FILE.safetensors", ""),
    )

    source: Annotated[
        Positional[str | None], described("[RECIPE|RUN]", hint=f"(default: {DEFAULT_RECIPE})")
    ] = None
    """Recipe whose model begins, or run folder: its best checkpoint."""
    out: Annotated[str | None, described("FILE")] = None
    """File to write."""
    check: Annotated[str | None, described("FILE")] = None
    """Compute the states of this file anew and compare."""
    dtype: Annotated[
        Literal["float64", "float32"] | None,
        described("{float64,float32}", hint="(default: float64, or the file's)"),
    ] = None
    """What to compute in."""
    twin: Annotated[
        Literal["reference", "kernels"] | None,
        described("{reference,kernels}", hint="(default: reference to write, kernels to check)"),
    ] = None
    """Which implementation computes."""
    steps: Annotated[int | None, WHOLE, described(hint=f"(default: {DEFAULT_STEPS})")] = None
    """Steps of the optimiser; 0 for the first forward and backward pass alone."""
    batch_size: Annotated[int | None, COUNT, described(hint="(default: 3)")] = None
    """Sequences in a batch."""
    positions: Annotated[int | None, COUNT, described(hint="(default: 24, or all)")] = None
    """Tokens in a sequence."""
    data: Annotated[str | None, described("PATH")] = None
    """Take batches from this text file, or all in this folder."""
    overrides: Annotated[
        UseAppendAction[tuple[str, ...]], described("KEY=VALUE", hint="(repeatable)", name="set")
    ] = ()
    """Change a setting of the recipe."""
    json: Annotated[bool, described()] = False
    """Print one JSON object."""

    def run(self) -> int:
        """Write or check."""
        return self._write() if self.check is None else self._check(self.check)

    def _check(self, path: str) -> int:
        from minilm.cli.bar import showing
        from minilm.golden import check

        self._refuse_with_check()
        with showing(sys.stderr) as bar:
            found = check(
                path, twin=self.twin or "kernels", dtype=self.dtype, progress=_Progress(bar)
            )
        print(to_json(found.to_dict()) if self.json else printable(str(found), keep="\n"))
        return 0 if found.ok else 1

    def _refuse_with_check(self) -> None:
        given = {
            "RECIPE": self.source is not None,
            "--out": self.out is not None,
            "--steps": self.steps is not None,
            "--batch-size": self.batch_size is not None,
            "--positions": self.positions is not None,
            "--data": self.data is not None,
            "--set": bool(self.overrides),
        }
        for name, is_given in given.items():
            if is_given:
                raise MinilmError(f"--check takes everything from the file: leave out {name}")

    def _write(self) -> int:
        from minilm import backend
        from minilm.cli.bar import showing
        from minilm.golden import Recording

        if self.out is None:
            raise MinilmError("--out FILE is missing: where to write")
        n_steps = DEFAULT_STEPS if self.steps is None else self.steps
        if n_steps < 0:
            raise MinilmError(f"--steps {n_steps}: must be 0 or more")
        with backend.using(self.twin or "reference"):
            source = self._source(n_steps)
            for note in source.notes:
                print(printable(note), file=sys.stderr)
            recording = Recording(
                source.model,
                recipe=source.recipe,
                inputs=source.inputs,
                n_steps=n_steps,
                dtype=self.dtype or "float64",
            )
            recording.check_room(self.out)
            if not self.json:
                _announce(recording, source)
            with showing(sys.stderr) as bar:
                recording.write(self.out, _Progress(bar, n_steps))
        if self.json:
            print(to_json(_summary(recording, self.out)))
        else:
            out = printable(shlex.quote(self.out))
            print(f"\nwritten; compare a port with: minilm compare {out} PORT.safetensors")
        return 0

    def _source(self, n_steps: int) -> Source:
        from minilm.golden.sources import of_recipe, of_run

        sizes: dict[str, Any] = {"batch_size": self.batch_size, "positions": self.positions}
        source = self.source or DEFAULT_RECIPE
        if os.path.isdir(source) or (Path(source).name != source and ".toml" not in source):
            for name, given in (("--data", self.data is not None), ("--set", self.overrides)):
                if given:
                    raise MinilmError(f"a run is taken as it is: leave out {name}")
            return of_run(Path(source), n_steps=n_steps, **sizes)
        recipe = chosen_recipe(source, self.data, None, self.overrides)
        return of_recipe(recipe, n_steps=n_steps, **sizes)


class _Progress:
    """Tells a bar, in words, what is being computed."""

    def __init__(self, bar: Bar, n_steps: int = 0) -> None:
        self._bar = bar
        self._of = f"/{n_steps}" if n_steps else ""

    def __call__(self, name: str, done: float) -> None:
        from minilm.golden.names import role, step_of

        passes = "forward and backward"
        words = {"value": passes, "loss": "loss", "gradient": "gradients"}
        words["parameter"] = "parameters" if self._of else passes
        step = step_of(name)
        label = f"step {step}{self._of}" if step else words[role(name)]
        self._bar.show(label, done, steady=step > 0)


def _announce(recording: Recording, source: Source) -> None:
    from minilm.golden.names import ROLES

    inputs = recording.inputs
    print(
        f"{source.recipe.name or 'a model'}: {source.model.parameters.n_parameters:,} parameters "
        f"in {recording.dtype}, {inputs.batch_size} sequences of {inputs.positions} tokens, "
        "no dropout\n"
    )
    steps = "1 step" if recording.n_steps == 1 else f"{recording.n_steps} steps"
    rows = [
        (steps if role == "step" else ROLES[role], *sizes)
        for role, sizes in recording.groups().items()
    ]
    rows.append(("in all", len(recording.tensors), recording.n_bytes))
    print(f"  {'':14} {'tensors':>7}")
    for name, n_tensors, n_bytes in rows:
        print(f"  {name:14} {n_tensors:7,}  {memory(n_bytes):>8}")
    sys.stdout.flush()


def _summary(recording: Recording, path: str) -> dict[str, Any]:
    groups = recording.groups()
    return {
        "file": path,
        "recipe": recording.recipe.name,
        "dtype": recording.dtype,
        "steps": recording.n_steps,
        "batch_size": recording.inputs.batch_size,
        "positions": recording.inputs.positions,
        "tensors": {role: n_tensors for role, (n_tensors, _) in groups.items()},
        "bytes": {role: n_bytes for role, (_, n_bytes) in groups.items()},
    }
