"""Renews the transcripts of the pages: what their commands print.

    python tests/docs/transcripts.py docs/masked.md [FOLDER] [--only]

A transcript is a ``console`` block behind a comment that readers do not see:

    <!-- transcript -->

Each line that begins with ``$ `` is run, in FOLDER or a new one, in the order of the page; what
stood below it gives way to what it prints. Where that began with a line ``...``, only the part is
shown that begins as the line after it did, whatever the figures. Other lines that begin with
``$ `` on the page are run too, so that a transcript may use what an earlier block made; ``--only``
leaves them out, where FOLDER has that already.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = ["Call", "calls", "renewed"]

ROOT = Path(__file__).parents[2]
MARK = "<!-- transcript -->"
BLOCK = re.compile(rf"(?P<mark>{MARK}\n)?^```console\n(?P<text>.*?)^```$", re.M | re.S)


class Call(NamedTuple):
    """A command of a page and what the page says that it prints; None if it says nothing."""

    command: str
    printed: str | None


def calls(page: str) -> Iterator[Call]:
    """The commands of a page's console blocks, in order."""
    for match in BLOCK.finditer(page):
        for part in re.split(r"^\$ ", match["text"], flags=re.M)[1:]:
            command, _, printed = part.replace("\\\n", " ").partition("\n")
            yield Call(command, printed if match["mark"] else None)


def renewed(page: str, run: Callable[[str], str], *, only: bool = False) -> str:
    """The page with its transcripts made anew; `run` gives what a command prints."""

    def block(match: re.Match[str]) -> str:
        if only and not match["mark"]:
            return match[0]
        text = "```console\n"
        for part in re.split(r"^\$ ", match["text"], flags=re.M)[1:]:
            command = re.match(r"(?:[^\n]*\\\n)*[^\n]*\n", part)
            assert command, part
            printed = run(command[0].replace("\\\n", " ").strip())
            lines = _shown(printed, part[command.end() :])
            text += f"$ {command[0]}" + "".join(f"{line}\n" for line in lines)
        return f"{match['mark']}{text}```" if match["mark"] else match[0]

    return BLOCK.sub(block, page)


def _shown(printed: str, before: str) -> list[str]:
    """The lines of what was printed, from where those began that stood there before."""
    lines = [line.rstrip() for line in printed.strip("\n").split("\n")]
    if not before.startswith("...\n"):
        return lines
    beginning = _without_figures(before.split("\n")[1])
    first = next(i for i, line in enumerate(lines) if _without_figures(line) == beginning)
    return ["...", *lines[first:]]


def _without_figures(line: str) -> str:
    """How a line begins, which is enough to know it by."""
    return re.sub(r"\d+", "0", line)[:6]


def _in_folder(folder: Path) -> Callable[[str], str]:
    def run(command: str) -> str:
        words = shlex.split(command)
        target = None
        if ">" in words:
            target, words = folder / words[words.index(">") + 1], words[: words.index(">")]
        if words[0] == "minilm":
            words = [sys.executable, "-m", "minilm.cli", *words[1:]]
        elif words[0] == "python":
            words[0] = sys.executable
        environment = {**os.environ, "COLUMNS": "80", "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            words, cwd=folder, env=environment, check=True, stdout=subprocess.PIPE, text=True
        )
        if target:
            target.write_text(done.stdout, encoding="utf-8")
        return done.stdout

    return run


def main() -> None:
    """Rewrite a page in place."""
    arguments = [argument for argument in sys.argv[1:] if argument != "--only"]
    only = "--only" in sys.argv
    page = Path(arguments[0])
    with tempfile.TemporaryDirectory() as made:
        folder = Path(arguments[1] if len(arguments) > 1 else made)
        text = renewed(page.read_text(encoding="utf-8"), _in_folder(folder), only=only)
    page.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
