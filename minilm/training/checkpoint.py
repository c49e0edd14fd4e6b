"""Checkpoints: whole or absent, and verified before use.

    step-000400/
        model.safetensors        every parameter by name
        optimizer.safetensors    m.NAME and v.NAME; absent where weights were imported
        state.json               progress, and the SHA-256 of the other two and of itself

A checkpoint is written under a temporary name, flushed to disk, then renamed; a rename
is atomic, so a reader, or a process killed at any moment, finds the whole folder or none.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import save_file

from minilm.errors import MinilmError
from minilm.nn.parameters import Parameters
from minilm.optim.adamw import AdamW
from minilm.storage.tensor_file import TensorFile
from minilm.training.reporter import Reporter

__all__ = [
    "discard_after",
    "latest",
    "load_parameters",
    "name",
    "prune",
    "restore",
    "save",
    "steps",
    "verify",
]

MODEL, OPTIMIZER, STATE = "model.safetensors", "optimizer.safetensors", "state.json"
_NAME = re.compile(r"step-(\d{6,})")


def name(step: int) -> str:
    """The folder's name.

    Examples
    --------
    >>> name(400)
    'step-000400'
    """
    return f"step-{step:06d}"


def steps(run: Path) -> list[int]:
    """The steps of a run's checkpoints, ascending, damaged ones included."""
    matches = (_NAME.fullmatch(path.name) for path in run.iterdir() if path.is_dir())
    return sorted(int(match[1]) for match in matches if match)


def save(
    run: Path, step: int, parameters: Parameters, optimizer: AdamW | None, progress: dict[str, Any]
) -> Path:
    """Write the checkpoint of `step`; returns its folder.

    Without an optimiser the parameters alone are written: those of imported weights.

    Raises
    ------
    MinilmError
        If it cannot be written, as on a full disk; earlier checkpoints are untouched.
    """
    folder = run / name(step)
    temporary = run / f".{folder.name}.tmp"
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        save_file({p.name: p.value for p in parameters}, temporary / MODEL)
        files = [MODEL]
        if optimizer:
            save_file(_moments(parameters, optimizer), temporary / OPTIMIZER)
            files.append(OPTIMIZER)
        state: dict[str, Any] = {
            "format": 1,
            "n_updates": optimizer.n_updates if optimizer else 0,
            "progress": {k: v if v != float("inf") else None for k, v in progress.items()},
            "sha256": {file: _sha256(temporary / file) for file in files},
        }
        state["sha256"][STATE] = _state_digest(state)
        (temporary / STATE).write_text(json.dumps(state, indent=1), encoding="utf-8")
        for file in (*files, STATE):
            # safetensors lets nobody else read its files; the user's own mask should decide.
            (temporary / file).chmod((temporary / STATE).stat().st_mode)
            _flush(temporary / file)
        _flush(temporary)
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(temporary, folder)
        _flush(run)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(temporary, ignore_errors=True)
        kept = steps(run)
        last = f"the last whole one is {name(kept[-1])}" if kept else "none was written before"
        go_on = f", then continue with: minilm pretrain --resume {run}" if optimizer else ""
        raise MinilmError(
            f"cannot write checkpoint {folder}: {error}; {last}; make room{go_on}"
        ) from None
    return folder


def _moments(parameters: Parameters, optimizer: AdamW) -> dict[str, NDArray]:
    moments = {"m": optimizer.m, "v": optimizer.v}
    return {
        f"{letter}.{p.name}": parameters.view(moment, p.name)
        for letter, moment in moments.items()
        for p in parameters
    }


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _state_digest(state: dict[str, Any]) -> str:
    digests = {k: v for k, v in state["sha256"].items() if k != STATE}
    canonical = json.dumps(state | {"sha256": digests}, sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _flush(path: Path) -> None:
    """Ask the disk to keep a file or a folder's names; Windows cannot open folders."""
    flags = os.O_RDWR if path.is_file() else os.O_RDONLY
    with contextlib.suppress(PermissionError):
        descriptor = os.open(path, flags)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def verify(folder: Path) -> dict[str, Any]:
    """The state of a whole checkpoint.

    Raises
    ------
    MinilmError
        Naming the file that is missing, unreadable, or not what was written.
    """
    try:
        state = json.loads((folder / STATE).read_text(encoding="utf-8"))
        expected = dict(state["sha256"])
        if expected.pop(STATE) != _state_digest(state):
            raise MinilmError(f"{folder / STATE} is damaged: its digest does not match")
        for file, digest in expected.items():
            if _sha256(folder / file) != digest:
                raise MinilmError(f"{folder / file} is damaged: its digest does not match")
    except OSError as error:
        raise MinilmError(f"{error.filename or folder} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise MinilmError(f"{folder / STATE} is damaged: it is not what was written") from None
    return state


def latest(run: Path, reporter: Reporter) -> tuple[Path, dict[str, Any]]:
    """The newest checkpoint that is whole, and its state; each refused one is a note.

    Raises
    ------
    MinilmError
        If there is none.
    """
    for step in reversed(steps(run)):
        folder = run / name(step)
        try:
            return folder, verify(folder)
        except MinilmError as error:
            reporter.note(f"{error}; taking the checkpoint before it")
    raise MinilmError(f"{run} has no whole checkpoint; start the run afresh")


def load_parameters(folder: Path, parameters: Parameters) -> None:
    """Fill the parameters from a verified checkpoint."""
    _fill(folder / MODEL, {p.name: p.value for p in parameters})


def restore(
    folder: Path, state: dict[str, Any], parameters: Parameters, optimizer: AdamW
) -> dict[str, Any]:
    """Put parameters and optimiser back; returns the fields of `Progress`."""
    load_parameters(folder, parameters)
    _fill(folder / OPTIMIZER, _moments(parameters, optimizer))
    optimizer.n_updates = state["n_updates"]
    return {k: v if v is not None else float("inf") for k, v in state["progress"].items()}


def _fill(path: Path, views: dict[str, NDArray]) -> None:
    """Read tensors into views, block by block: there is no second copy of the model."""
    file = TensorFile(path)
    if file.names != views.keys():
        odd = sorted(file.names ^ views.keys())[0]
        raise MinilmError(f"{path}: {odd} is in one of the file and the configured model only")
    for key, view in views.items():
        if file.shape(key) != view.shape:
            raise MinilmError(
                f"{path}: {key} has the shape {file.shape(key)}, "
                f"but config.toml asks for {view.shape}"
            )
        file.read(key, view)


def discard_after(run: Path, step: int) -> None:
    """Delete the checkpoints past `step`: they were refused, and the run will write them anew."""
    for later in steps(run):
        if later > step:
            shutil.rmtree(run / name(later), ignore_errors=True)


def prune(run: Path, *, keep: int, best_step: int) -> None:
    """Delete all but the latest `keep` checkpoints and the best, and leftovers of crashes."""
    for step in steps(run)[:-keep]:
        if step != best_step:
            shutil.rmtree(run / name(step), ignore_errors=True)
    for path in run.glob(".step-*.tmp"):
        shutil.rmtree(path, ignore_errors=True)
