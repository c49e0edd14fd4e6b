"""The report as one HTML page, which needs nothing from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from minilm.corpus import extra
from minilm.corpus.shards.files import whole
from minilm.errors import MinilmError

__all__ = ["PAGE", "SHORTEST", "Missing", "histogram", "render", "write"]

PAGE = "report.html"
TEMPLATE = "page.html.j2"
SHORTEST = 0.05  # seconds, of which a rate is shown
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")


class Missing(MinilmError):
    """The package that fills in the template is not installed."""


def write(folder: Path, report: dict[str, Any]) -> Path:
    """Write ``report.html``; returns its path.

    Raises
    ------
    Missing
        If Jinja is not installed.
    MinilmError
        If the page cannot be written.
    """
    text = render(report)
    with whole(folder / PAGE) as file:
        # An example may hold half a surrogate pair.
        file.write(text.encode("utf-8", "replace"))
    return folder / PAGE


def render(report: dict[str, Any]) -> str:
    """The page. Whatever comes from documents is escaped by the template engine."""
    try:
        jinja2 = extra.load("jinja2", "jinja2", "report", "the HTML report")
    except MinilmError as error:
        raise Missing(str(error)) from None
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"size": size, "number": lambda n: f"{n:,}", "rate": _rate}
    first = report["funnel"][0]
    return str(
        environment.get_template(TEMPLATE).render(
            report=report,
            first=first,
            charts=[
                (name, title, histogram(report["lengths"], name))
                for name, title in (("read", "as read"), ("kept", "kept"))
            ],
        )
    )


def size(n_bytes: float) -> str:
    """Bytes in decimal units.

    Examples
    --------
    >>> size(999), size(1500), size(2.5e9)
    ('999 B', '1.50 kB', '2.50 GB')
    """
    value, unit = float(n_bytes), 0
    while value >= 999.5 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    digits = 0 if unit == 0 or value >= 99.95 else 1 if value >= 9.995 else 2
    return f"{value:.{digits}f} {_UNITS[unit]}"


def _rate(stage: dict[str, Any], key: str) -> str:
    """Of documents or bytes; none where the time was too short to say."""
    if stage["seconds"] < SHORTEST:
        return "-"
    rate = stage[key] / stage["seconds"]
    return f"{size(rate)}/s" if key == "bytes" else f"{rate:,.0f}"


def _power(digits: int) -> str:
    """The smallest number with so many binary digits, in bytes."""
    power = max(0, digits - 1)
    return f"{2 ** (power % 10)} {('B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB')[power // 10]}"


def histogram(lengths: dict[str, dict[str, int]], name: str) -> list[dict[str, Any]]:
    """The bars of one histogram: a bar for each power of two, on the scale of all.

    Returns
    -------
    list of dict
        ``label`` (the sizes from which it counts), ``documents``, ``share`` of the longest
        bar of both histograms, from 0 to 1.

    Examples
    --------
    >>> histogram({"read": {"1": 4, "3": 2}, "kept": {"3": 1}}, "kept")[-1]
    {'label': '4 B', 'documents': 1, 'share': 0.25}
    """
    digits = [int(key) for found in lengths.values() for key in found]
    longest = max((n for found in lengths.values() for n in found.values()), default=1)
    bars = []
    for i in range(min(digits, default=0), max(digits, default=-1) + 1):
        n = lengths[name].get(str(i), 0)
        bars.append({"label": _power(i), "documents": n, "share": n / longest})
    return bars
