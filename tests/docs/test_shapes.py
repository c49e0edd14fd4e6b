"""The pictures of shapes are what their generator draws, and each page shows its own."""

import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from shutil import copy

import pytest

FOLDER = Path(__file__).parents[2] / "docs" / "operations"
PICTURES = sorted(FOLDER.glob("*.svg"))
NAMES = [path.stem for path in PICTURES]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the generator has just run."""
    folder = tmp_path_factory.mktemp("operations")
    for path in FOLDER.glob("*.py"):
        copy(path, folder)
    subprocess.run([sys.executable, str(folder / "shapes.py")], check=True)
    return folder


def test_every_picture_is_drawn_and_none_is_left_over(drawn: Path) -> None:
    assert [path.stem for path in sorted(drawn.glob("*.svg"))] == NAMES


@pytest.mark.parametrize("path", PICTURES, ids=NAMES)
def test_the_picture_on_disk_is_the_one_drawn(path: Path, drawn: Path) -> None:
    new = (drawn / path.name).read_text(encoding="utf-8")
    assert path.read_text(encoding="utf-8") == new, "run: python docs/operations/shapes.py"


@pytest.mark.parametrize("path", PICTURES, ids=NAMES)
def test_nothing_reaches_over_the_edge(path: Path) -> None:
    root = ElementTree.parse(path).getroot()
    _, _, width, height = (float(word) for word in root.attrib["viewBox"].split())
    for element in root.iter():
        a = element.attrib
        if element.tag.endswith("rect") and "x" in a:
            assert 0 <= float(a["x"]) <= float(a["x"]) + float(a["width"]) <= width
            assert 0 <= float(a["y"]) <= float(a["y"]) + float(a["height"]) <= height
        if element.tag.endswith("text"):
            # The widest of the fonts named in the style has 0.61 em a character at 16 px.
            length = 9.8 * len(element.text or "")
            left = float(a["x"]) - (length / 2 if a["text-anchor"] == "middle" else 0)
            assert 0 <= left <= left + length <= width, element.text


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.md")), ids=lambda path: path.stem)
def test_a_page_shows_its_picture(path: Path) -> None:
    if path.stem in NAMES:
        page = path.read_text(encoding="utf-8")
        assert re.search(rf"!\[Shapes in [^\]]+\]\({path.stem}\.svg\)", page)
