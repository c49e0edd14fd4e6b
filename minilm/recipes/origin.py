"""What a fine-tuning was made from, kept in its folder so that it can be resumed."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from minilm.errors import MinilmError
from minilm.recipes.labelled import TASKS, Texts, gather
from minilm.storage import json_file

__all__ = ["LABELS", "Origin"]

LABELS = "labels.json"


@dataclass(frozen=True)
class Origin:
    """The run and the labelled texts; all but `run` as in `minilm.recipes.labelled.gather`."""

    run: str
    data: str
    validation: str | None
    test: str | None
    share: float
    per_label: int | None
    seed: int

    def texts(self) -> Texts:
        """The labelled texts, read anew; raises MinilmError as `gather` does."""
        return gather(
            self.data,
            validation=self.validation,
            test=self.test,
            share=self.share,
            per_label=self.per_label,
            seed=self.seed,
        )

    def to_json(self, labels: tuple[str, ...]) -> str:
        """The content of ``labels.json``, which can be read from any folder."""
        origin = asdict(self)
        for key in ("run", "data", "validation", "test"):
            if origin[key] is not None and origin[key] not in TASKS:
                origin[key] = str(Path(origin[key]).resolve())
        return json.dumps({"labels": labels, "origin": origin}, indent=1) + "\n"

    @classmethod
    def read(cls, run: Path) -> Origin:
        """That of a folder; raises MinilmError if it has none."""
        found = json_file.read(run / LABELS).get("origin")
        names = {field.name for field in fields(cls)}
        if not isinstance(found, dict) or set(found) != names:
            raise MinilmError(
                f"{run / LABELS} does not say what the run was made from; fine-tune anew"
            )
        return cls(**found)
