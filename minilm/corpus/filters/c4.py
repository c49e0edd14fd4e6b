"""The filter of C4: lines that are sentences, pages that have some of them.

Source: Raffel et al. 2020, "Exploring the Limits of Transfer Learning with a Unified
Text-to-Text Transformer", section 2.2; what the paper leaves open follows the code released
with it, in the reading of the package datatrove. The list of bad words is left out.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass

from minilm.corpus.documents import Document
from minilm.corpus.filters import words
from minilm.corpus.pipeline import Rejection

__all__ = ["C4"]

_CITATION = re.compile(r"\[(?:\d*|edit|citation needed)\]")
_ENDS = (".", "?", "!", '"', "'")
_POLICY = re.compile(r"terms of use|privacy policy|cookie policy|use(?:s| of)? cookies")


@dataclass(frozen=True)
class C4:
    """Keep the lines that are sentences, if enough are left.

    What stays has its lines stripped, and citation marks such as "[1]" removed.

    Attributes
    ----------
    sentences : int
        The least number of sentences in the lines that stay.
    line_words : int
        A line needs so many words, white space between them.
    word_length : int
        A line with a word of more characters is dropped.
    end_mark : bool
        Drop lines that do not end in . ? ! or a quotation mark, or that end in "...".
    citations : bool
        Remove "[1]", "[]", "[edit]" and "[citation needed]".
    javascript, policy : bool
        Drop lines that say "javascript", or speak of cookies and terms of use.
    lorem_ipsum, braces : bool
        Reject a document with "lorem ipsum", or "{", in a line that would stay.

    Examples
    --------
    >>> text = "Home | About\\n" + "It is a fine day today.\\n" * 5 + "We use cookies on this site."
    >>> C4()(Document("a", text, "here")).text.splitlines() == ["It is a fine day today."] * 5
    True
    >>> C4()(Document("b", "One line is left of it.\\nMenu", "here")).rule
    'c4.sentences'
    """

    sentences: int = 5
    line_words: int = 3
    word_length: int = 1000
    end_mark: bool = True
    citations: bool = True
    javascript: bool = True
    policy: bool = True
    lorem_ipsum: bool = True
    braces: bool = True

    def __call__(self, document: Document) -> Document | Rejection:
        """The document with the lines that stay, or why it is rejected."""
        kept = []
        for line in document.text.splitlines():
            line = line.strip()
            # Before the citations go, which may count as words.
            parts = line.split()
            if len(line) > self.word_length and max(map(len, parts)) > self.word_length:
                continue
            if self.citations and "[" in line:
                line = _CITATION.sub("", line)
            if self.end_mark and (not line.endswith(_ENDS) or line.endswith("...")):
                continue
            if len(parts) < self.line_words:
                continue
            lower = line.lower()
            if self.lorem_ipsum and "lorem ipsum" in lower:
                return Rejection(document, "c4.lorem_ipsum", line, "no line with 'lorem ipsum'")
            if self.javascript and "javascript" in lower:
                continue
            if self.braces and "{" in line:
                return Rejection(document, "c4.braces", line, "no line with '{'")
            if not (self.policy and _POLICY.search(lower)):
                kept.append(line)
        text = "\n".join(kept)
        n_sentences = words.sentences(text)
        if n_sentences < self.sentences:
            return Rejection(document, "c4.sentences", n_sentences, self.sentences)
        return dataclasses.replace(document, text=text.strip())
