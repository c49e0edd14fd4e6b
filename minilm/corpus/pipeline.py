r"""What the stages of a corpus have in common: rules, and what becomes of the rejected.

A stage is a generator over documents: `stage(documents, ..., rejected=...)` yields those that
stay and hands the others, one by one, to `rejected`. Stages compose by calling one on another:

    apply(filters, apply(cleaners, read(part)), rejected=keep)

and nothing is read before the last of them asks for it, so memory is that of one document.

Most stages look at one document at a time. They are rules: a rule gives the document, or a
changed copy of it, or the `Rejection` that says which figure broke which limit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from minilm.corpus.documents import Document

__all__ = ["OnReject", "Rejection", "Rule", "apply", "ignore"]


@dataclass(frozen=True)
class Rejection:
    """A document that is dropped, and why.

    Attributes
    ----------
    document : Document
        As it was when the rule saw it: earlier rules may have changed its text.
    rule : str
        Name of the rule and its figure, such as "gopher_quality.mean_word_length".
    figure : float or str
        What was measured.
    limit : float or str
        What it should have been.
    """

    document: Document
    rule: str
    figure: float | str
    limit: float | str

    def to_dict(self) -> dict[str, Any]:
        """As one flat record, a line of `rejected/STAGE.jsonl`.

        Examples
        --------
        >>> Rejection(Document("a", "Hi", "here"), "words", 1, 50).to_dict()["figure"]
        1
        """
        document = self.document
        return {
            "rule": self.rule,
            "figure": self.figure,
            "limit": self.limit,
            "id": document.id,
            "source": document.source,
            "text": document.text,
            "metadata": dict(document.metadata),
        }


OnReject = Callable[[Rejection], None]
Rule = Callable[[Document], Document | Rejection]


def ignore(rejection: Rejection) -> None:
    """Forget a rejected document; what stages do when nobody asks for them."""


def apply(
    rules: Sequence[Rule], documents: Iterable[Document], rejected: OnReject = ignore
) -> Iterator[Document]:
    """The documents that pass all rules, as the rules left them.

    Parameters
    ----------
    rules : sequence of callables
        Called in order, each with what the one before gave; the first rejection ends it.
    documents : iterable of Document
        Read one at a time, when the result is.
    rejected : callable
        Called with each `Rejection`, in the order of the documents.

    Examples
    --------
    >>> def short(document):
    ...     size = len(document.text)
    ...     return document if size < 5 else Rejection(document, "length", size, 4)
    >>> documents = [Document("a", "One", "here"), Document("b", "Thirteen", "here")]
    >>> [d.id for d in apply([short], documents, lambda r: print(r.document.id, r.figure))]
    b 8
    ['a']
    """
    for document in documents:
        for rule in rules:
            result = rule(document)
            if isinstance(result, Rejection):
                rejected(result)
                break
            document = result
        else:
            yield document
