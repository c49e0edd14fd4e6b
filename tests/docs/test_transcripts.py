"""Transcripts are renewed whole, and those of the pages have something to show."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[2] / "docs"
_SPEC = importlib.util.spec_from_file_location(
    "minilm_docs_transcripts", Path(__file__).with_name("transcripts.py")
)
transcripts: Any = importlib.util.module_from_spec(_SPEC)
sys.modules[_SPEC.name] = transcripts
_SPEC.loader.exec_module(transcripts)

PAGES = [
    page for page in sorted(DOCS.rglob("*.md"))
    if transcripts.MARK in page.read_text(encoding="utf-8")
]  # fmt: skip

PAGE = """text
```console
$ first
kept
```
<!-- transcript -->
```console
$ second \\
  line
old
$ third
old
older
```
```sh
$ other
```
"""


def test_a_page_is_renewed_in_order() -> None:
    ran: list[str] = []

    def run(command: str) -> str:
        ran.append(command)
        return f"\nprinted {len(ran)}  \n\n"

    page = transcripts.renewed(PAGE, run)
    assert ran == ["first", "second    line", "third"]
    assert "$ first\nkept\n" in page
    assert "$ second \\\n  line\nprinted 2\n$ third\nprinted 3\n```" in page
    assert "old" not in page
    assert "$ other" in page
    assert [call.printed for call in transcripts.calls(page)] == [
        None,
        "printed 2\n",
        "printed 3\n",
    ]


def test_earlier_blocks_can_be_left_out() -> None:
    ran: list[str] = []
    transcripts.renewed(PAGE, lambda command: ran.append(command) or "x", only=True)
    assert ran == ["second    line", "third"]


def test_the_part_that_was_shown_is_shown_again() -> None:
    page = f"{transcripts.MARK}\n```console\n$ it\n...\nprobe: 18 labels\nold\n```\n"
    printed = "loss 2\n\nprobe: 20 labels\n  new\n"
    shown = transcripts.renewed(page, lambda command: printed)
    assert shown.endswith("$ it\n...\nprobe: 20 labels\n  new\n```\n")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_transcript_shows_what_was_printed(page: Path) -> None:
    shown = [
        c for c in transcripts.calls(page.read_text(encoding="utf-8")) if c.printed is not None
    ]
    assert shown
    for call in shown:
        assert call.printed.strip(), call.command
        assert "/tmp/" not in call.printed
