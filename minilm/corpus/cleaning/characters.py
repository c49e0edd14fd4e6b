r"""Characters that look alike made alike, those that are wrong made right, or dropped.

Unicode writes "é" as one code point or as two. A tokenizer sees different bytes, so a model
learns such words twice; the normal forms (Unicode Standard Annex 15) choose one. NFC composes
and keeps what is visibly different. NFKC also replaces what is only a way of writing ("ﬁ" by
"fi", "²" by "2", "Ａ" by "A"), which loses meaning in formulas: 2² becomes 22. Of more than 30
marks on one letter, every 30 are followed by a joiner (U+034F), as the annex has it for text
from strangers (Stream-Safe Text Format).

Mojibake is text decoded by the wrong encoding: "é" saved as UTF-8 and read as Windows-1252 is
"Ã©". The package ftfy (extra ``minilm[corpus]``) undoes it where the result is certain enough:
a sequence that only a wrong decoding gives, and that is valid in the right one. Of all that
ftfy can do, only that is used.

Source: Speer, "ftfy" (2019), https://ftfy.readthedocs.io/en/latest/heuristic.html
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, partial
from typing import Any

from minilm.corpus import extra
from minilm.corpus.cleaning.rule import cleaner
from minilm.corpus.pipeline import Rule
from minilm.errors import MinilmError, did_you_mean

__all__ = ["FORMS", "control_characters", "mojibake", "unicode_normal_form"]

FORMS = ("NFC", "NFD", "NFKC", "NFKD")
# C0 but for tab, line feed and carriage return; delete and C1; byte-order marks, marks of
# annotations, and the code points that Unicode says are no characters.
_NO_TEXT = "\0-\x08\x0b\x0c\x0e-\x1f\x7f"
_NO_TEXT_BEYOND = "\x80-\x9f\ufeff\ufff9-\ufffb\ufdd0-\ufdef" + "".join(
    f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0, 0x110000, 0x10000)
)
_SUSPECT = {True: re.compile(f"[{_NO_TEXT}]"), False: re.compile(f"[{_NO_TEXT}{_NO_TEXT_BEYOND}]")}
# Terminal commands, as in logs, go as a whole: the rest of one would stay as text.
_CONTROL = re.compile(f"\x1b\\[[0-?]*[ -/]*[@-~]|{_SUSPECT[False].pattern}")
_BREAK = re.compile("[\x0b\x0c\x85]")
_MOST_MARKS = 30


def unicode_normal_form(form: str = "NFC") -> Rule:
    r"""Characters that Unicode says are the same become the same.

    Examples
    --------
    >>> from minilm.corpus.documents import Document
    >>> document = Document("a", "cafe\u0301 ﬁne x²", "here")
    >>> unicode_normal_form()(document).text, unicode_normal_form("NFKC")(document).text
    ('café ﬁne x²', 'café fine x2')
    """
    if form not in FORMS:
        raise MinilmError(f"unicode_normal_form: form = {form!r}{did_you_mean(form, FORMS)}")
    return cleaner("unicode_normal_form", partial(_normal, form))


def mojibake() -> Rule:
    """Text that was decoded by the wrong encoding is decoded by the right one.

    Raises
    ------
    MinilmError
        If the package ftfy is missing.

    Examples
    --------
    >>> from minilm.corpus.documents import Document
    >>> mojibake()(Document("a", "Ã‰tÃ© â€“ lâ€™annÃ©e", "here")).text
    'Été – l’année'
    """
    _ftfy()
    return cleaner("mojibake", _repaired)


def control_characters() -> Rule:
    r"""Drops what is no text: control and annotation characters, terminal commands, NUL.

    Tab, line feed and carriage return stay. Those that break lines too (vertical tab, form
    feed, U+0085) become line feeds.

    Examples
    --------
    >>> from minilm.corpus.documents import Document
    >>> control_characters()(Document("a", "\x1b[31mred\x1b[0m\0 one\x0ctwo\ufeff", "here")).text
    'red one\ntwo'
    """
    return cleaner("control_characters", _without_controls)


def _normal(form: str, text: str) -> str:
    if text.isascii():
        return text
    # Marks are sorted one by one: a text of nothing else would take hours.
    text = _many_marks().sub("\\g<0>\u034f", text)
    return unicodedata.normalize(form, text)  # type: ignore[arg-type]


@cache
def _many_marks() -> re.Pattern[str]:
    """As many combining marks as the Stream-Safe Text Format allows, before yet another."""
    marks = "".join(c for c in map(chr, range(0x300, 0x110000)) if unicodedata.combining(c))
    return re.compile(f"[{marks}]{{{_MOST_MARKS}}}(?=[{marks}])")


def _without_controls(text: str) -> str:
    if not _SUSPECT[text.isascii()].search(text):
        return text
    return _CONTROL.sub("", _BREAK.sub("\n", text))


def _repaired(text: str) -> str:
    """What `ftfy.fix_text` makes of a text, for fewer looks at each line."""
    if text.isascii():
        return text
    *lines, last = text.split("\n")
    return "".join([*(_repaired_line(line + "\n") for line in lines), _repaired_line(last)])


def _repaired_line(line: str) -> str:
    # ftfy works line by line, but for very long ones, and leaves those that are not bad. It
    # repairs the others until nothing changes, and then looks whether anything would change.
    if line.isascii():
        return line
    ftfy, config = _ftfy()
    if len(line) <= config.max_decode_length:
        if not ftfy.badness.is_bad(line):
            return line
        fixed: str = ftfy.fix_encoding(line)
        return fixed
    repaired: str = ftfy.fix_text(line, config)
    return repaired


@cache
def _ftfy() -> tuple[Any, Any]:
    ftfy = extra.load("ftfy", "ftfy", "corpus", "repairing mojibake")
    config = ftfy.TextFixerConfig(
        unescape_html=False,
        remove_terminal_escapes=False,
        fix_latin_ligatures=False,
        fix_character_width=False,
        uncurl_quotes=False,
        fix_line_breaks=False,
        fix_surrogates=False,
        remove_control_chars=False,
        normalization=None,
        explain=False,
    )
    return ftfy, config
