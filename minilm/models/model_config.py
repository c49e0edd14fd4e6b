"""What the configurations of all architectures have in common: checks and costs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from minilm.errors import MinilmError

__all__ = ["ModelConfig"]


@dataclass(frozen=True)
class ModelConfig:
    """The base of `GPTConfig` and `BERTConfig`, which are dataclasses with these fields.

    The costs stand in `minilm.models.costs`, which asks the models what they declare and
    so cannot be imported before the configurations exist.
    """

    if TYPE_CHECKING:  # the other fields, under the names that both use

        def __getattr__(self, name: str) -> Any: ...

    def changed(self, **values: Any) -> Self:
        """A copy with other values of some fields, checked anew."""
        return replace(self, **values)

    def n_parameters(self) -> int:
        """Entries in all parameters; tied weights count once."""
        from minilm.models import costs

        return costs.n_parameters(self)

    def flops_per_token(self, context: int | None = None, predicted: float = 1.0) -> float:
        """Floating-point operations of one training step per token (three forwards).

        `predicted` is the share of the positions at which the head runs.
        """
        from minilm.models import costs

        return 3 * costs.forward_flops_per_token(self, context, predicted)

    def activation_bytes(self, batch_size: int) -> int:
        """Bytes that a float32 forward pass keeps for backward, at full context."""
        from minilm.models import costs

        return costs.activation_bytes(self, batch_size)

    def cache_bytes_per_token(self) -> int:
        """Bytes of float32 keys and values that generation keeps per position."""
        from minilm.models import costs

        return costs.cache_bytes_per_token(self)

    def _check_sizes(self, *keys: str, least: int) -> None:
        """Refuse whole numbers below `least`, 0 or 1."""
        for key in keys:
            value = getattr(self, key)
            if value < least:
                must = "be at least 1" if least else "not be negative"
                raise MinilmError(f"model.{key} = {value}: must {must}")

    def _check_positive(self, *keys: str) -> None:
        """Refuse numbers that are not positive, or absurdly large."""
        for key in keys:
            if not 0 < getattr(self, key) <= 1e30:
                raise MinilmError(f"model.{key} = {getattr(self, key)}: must be in (0, 1e30]")

    def _check_dropout(self) -> None:
        """Refuse a dropout that is no probability below 1."""
        if not 0 <= self.dropout < 1:
            raise MinilmError(f"model.dropout = {self.dropout}: must be in [0, 1)")

    def _check_heads(self) -> None:
        """Refuse channels that do not divide among the heads, unless D is given."""
        if not getattr(self, "head_dim", 0) and self.n_embd % self.n_head:
            raise MinilmError(
                f"model.n_embd = {self.n_embd} is not a multiple of model.n_head = {self.n_head}"
            )
