"""The settings of each pretext task, checked when they are made.

They stand apart from the tasks themselves, which need text and a model: a recipe is read, shown
and costed without either.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from minilm.errors import MinilmError, did_you_mean

__all__ = [
    "OBJECTIVES",
    "ClassificationConfig",
    "FillInMiddleConfig",
    "MaskedTokensConfig",
    "NextTokenConfig",
    "NoObjective",
    "ObjectiveConfig",
]

MASK = "[MASK]"
UNITS = ("token", "word", "span")


@dataclass(frozen=True)
class ObjectiveConfig:
    """What all tasks have: a name, and what they ask of tokenizer and model."""

    name: str = field(default="", kw_only=True)

    @property
    def special_tokens(self) -> tuple[str, ...]:
        """Tokens beside <|endoftext|> that the tokenizer must have."""
        return ()

    @property
    def predicted_share(self) -> float:
        """At how many of the positions the model's head runs in training, from 0 to 1."""
        return 1.0

    def _check_shares(self, *keys: str) -> None:
        """Refuse numbers that are no share of something."""
        for key in keys:
            if not 0 <= getattr(self, key) <= 1:
                raise MinilmError(f"objective.{key} = {getattr(self, key)}: must be from 0 to 1")


@dataclass(frozen=True)
class NextTokenConfig(ObjectiveConfig):
    """Predict each token from those before it.

    Attributes
    ----------
    within_documents : bool
        Whether a token sees only its own document of the window, whose positions count from
        its start.
    """

    name: str = field(default="next_token", kw_only=True)
    within_documents: bool = False


@dataclass(frozen=True)
class MaskedTokensConfig(ObjectiveConfig):
    """Predict tokens that were made unreadable from what stands on both sides of them.

    Attributes
    ----------
    rate : float
        Share of the positions that are chosen to be predicted; at least one a sequence.
    mask, random : float
        Of the chosen positions, the shares that become the mask token and a random token;
        the rest stays as it is.
    unit : "token", "word" or "span"
        What is chosen: single tokens, all tokens of a word, or runs of words.
    span_stop : float
        Of spans: the chance to end after each word, so that lengths are geometric.
    longest_span : int
        In words; longer draws do not occur.

    Raises
    ------
    MinilmError
        Naming the key that is out of range.
    """

    name: str = field(default="masked_tokens", kw_only=True)
    rate: float = 0.15
    mask: float = 0.8
    random: float = 0.1
    unit: str = "token"
    span_stop: float = 0.2
    longest_span: int = 10

    def __post_init__(self) -> None:
        self._check_shares("mask", "random")
        if self.mask + self.random > 1 + 1e-9:
            raise MinilmError(
                f"objective.mask + objective.random = {self.mask + self.random:g}: "
                "together at most 1"
            )
        for key in ("rate", "span_stop"):
            if not 0 < getattr(self, key) <= 1:
                raise MinilmError(
                    f"objective.{key} = {getattr(self, key)}: must be above 0 and at most 1"
                )
        if self.unit not in UNITS:
            raise MinilmError(f"objective.unit = {self.unit!r}{did_you_mean(self.unit, UNITS)}")
        if not 1 <= self.longest_span <= 1000:
            raise MinilmError(f"objective.longest_span = {self.longest_span}: must be 1 to 1000")

    @property
    def special_tokens(self) -> tuple[str, ...]:
        """The mask token."""
        return (MASK,)

    @property
    def predicted_share(self) -> float:
        """The rate: elsewhere nothing is predicted."""
        return self.rate


@dataclass(frozen=True)
class FillInMiddleConfig(ObjectiveConfig):
    """Predict documents that are partly reordered, so that a middle follows both its sides.

    Attributes
    ----------
    rate : float
        Share of the documents that are cut in three and reordered.
    suffix_first : float
        Share of these that put the suffix before the prefix.

    Raises
    ------
    MinilmError
        Naming the key that is out of range.
    """

    name: str = field(default="fill_in_middle", kw_only=True)
    rate: float = 0.5
    suffix_first: float = 0.5

    def __post_init__(self) -> None:
        self._check_shares("rate", "suffix_first")

    @property
    def special_tokens(self) -> tuple[str, ...]:
        """What marks the three parts."""
        return ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>")


@dataclass(frozen=True)
class ClassificationConfig(ObjectiveConfig):
    """Tell classes of texts apart, from labels that people gave: fine-tuning.

    Attributes
    ----------
    pooling : "mean", "first" or "last"
        What becomes of the positions of a text (`minilm.models.classifier`).
    dropout : float
        Of the pooled vector.
    layer_decay : float
        Factor of the learning rate from each layer to the next below
        (`minilm.models.depth`).
    frozen : int
        Layers that do not learn, from below: 1 is the embeddings, L + 1 all but the head.
    """

    name: str = field(default="classification", kw_only=True)
    pooling: str = "mean"
    dropout: float = 0.1
    layer_decay: float = 0.9
    frozen: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.layer_decay <= 1:
            raise MinilmError(
                f"objective.layer_decay = {self.layer_decay}: must be above 0 and at most 1"
            )
        if self.frozen < 0:
            raise MinilmError(f"objective.frozen = {self.frozen}: must not be negative")


@dataclass(frozen=True)
class NoObjective(ObjectiveConfig):
    """Of a run whose weights were imported: nothing was learned here."""

    name: str = field(default="none", kw_only=True)


OBJECTIVES: dict[str, type[ObjectiveConfig]] = {
    "next_token": NextTokenConfig,
    "masked_tokens": MaskedTokensConfig,
    "fill_in_middle": FillInMiddleConfig,
    "classification": ClassificationConfig,
    "none": NoObjective,
}
