"""``minilm classify``: labels for texts, by a fine-tuned run."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from tyro.conf import Positional

from minilm.cli.formatting import printable, to_json
from minilm.cli.options import COUNT, described
from minilm.cli.progress import Silent
from minilm.errors import MinilmError

__all__ = ["Classify"]

SHOWN = 60  # characters of a text
AT_ONCE = 256  # texts between two looks at the progress


@dataclass(frozen=True)
class Classify:
    """Label texts with a run that minilm finetune wrote; each with its probability.

    Several texts, or the lines of a file or of standard input (-), give a line each.
    """

    examples: ClassVar[tuple[tuple[str, str], ...]] = (
        ('minilm classify RUN "some text"', "label texts with a fine-tuned run"),
        ("minilm classify RUN --file FILE.txt", ""),
        ("minilm classify RUN --file FILE.txt --json", ""),
    )

    run_folder: Annotated[Positional[str], described("RUN")]
    """Folder that minilm finetune wrote."""
    texts: Annotated[Positional[tuple[str, ...]], described("TEXT ...")] = ()
    """Texts to label."""
    file: Annotated[str | None, described("FILE")] = None
    """Label each line of this file; - is standard input."""
    top: Annotated[int, COUNT, described(hint="(default: 3)")] = 3
    """Labels to show of each text, the likeliest first."""
    json: Annotated[bool, described()] = False
    """Print one JSON object a text, with the probability of every label."""

    def run(self) -> int:
        """Load, predict, print."""
        import minilm
        from minilm.cli.bar import showing

        told = Silent(sys.stderr)
        texts = self._texts()
        model = minilm.load_classifier(self.run_folder, reporter=told)
        n_cut = 0
        with showing(sys.stderr) as bar:
            for start in range(0, len(texts), AT_ONCE):
                bar.show(f"text {start}/{len(texts)}", start / len(texts), steady=start > 0)
                part = texts[start : start + AT_ONCE]
                for text, found in zip(part, model.predict(part), strict=True):
                    if self.json:
                        record = {"text": text, **found._asdict()}
                        record["probabilities"] = record.pop("all")
                        print(to_json(record))
                    else:
                        print(self._line(text, found.all, alone=len(texts) == 1))
                n_cut += bool(model.notes)
                if model.notes and n_cut == 1:
                    told.note(model.notes[0])
        return 0

    def _texts(self) -> list[str]:
        if bool(self.texts) == bool(self.file):
            raise MinilmError("give texts to label, or --file FILE (- for standard input)")
        if not self.file:
            return list(self.texts)
        try:
            data = sys.stdin.buffer.read() if self.file == "-" else Path(self.file).read_bytes()
            lines = data.decode("utf-8").splitlines()
        except OSError as error:
            raise MinilmError(f"cannot read {self.file}: {error.strerror}") from None
        except UnicodeDecodeError as error:
            raise MinilmError(f"{self.file} is not UTF-8 at byte {error.start}") from None
        for number, line in enumerate(lines, 1):
            if not line.strip():
                raise MinilmError(f"{self.file}:{number}: the line is empty; leave it out")
        if not lines:
            raise MinilmError(f"{self.file} is empty; give a text on each line")
        return lines

    def _line(self, text: str, probabilities: dict[str, float], *, alone: bool) -> str:
        found = list(probabilities.items())[: self.top]
        if alone:
            wide = max(len(label) for label, _ in found)
            return "\n".join(f"{printable(label):<{wide}}  {100 * p:5.1f} %" for label, p in found)
        ranked = "  ".join(f"{printable(label)} {100 * p:.0f} %" for label, p in found)
        shown = printable(text if len(text) <= SHOWN else text[: SHOWN - 3] + "...")
        return f"{ranked}\t{shown}"
