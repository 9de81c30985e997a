"""Maps between items and tensors of a sample space."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

from torch import Tensor

from genwright.seeds import Noise
from genwright.space import SampleSpace

__all__ = ["Encoder"]

Item = TypeVar("Item")


class Encoder(ABC, Generic[Item]):
    """A map between items and tensors; `decode` undoes `encode`.

    Options are keyword-only parameters of the constructor. What `fit` learns from data is `state`, plain data
    that goes into the checkpoint's card; an encoder made with the same options and given that state is the same.
    """

    @property
    @abstractmethod
    def space(self) -> SampleSpace:
        """The tensors that `encode` gives; known once the encoder is fitted or restored."""

    @property
    @abstractmethod
    def augments(self) -> bool:
        """Whether `encode` spells an item differently when given noise."""

    @property
    def pace(self) -> float:
        """How many places of the space a second of an item takes; 0 where places are no moments.

        Places are tokens in their order, or numbers along the last axis.
        """
        return 0.0

    @abstractmethod
    def fit(self, items: Sequence[Item]) -> None:
        """Learn from training data whatever the encoding needs."""

    @abstractmethod
    def state(self) -> Mapping[str, Any]:
        """Return what `fit` learned, as plain data."""

    @abstractmethod
    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what `state` gave."""

    @abstractmethod
    def encode(self, items: Sequence[Item], *, noise: Noise | None = None) -> Tensor:
        """Return the tensors of items, [B, *space.shape].

        noise: one row an item, from which an augmenting encoder draws the spelling; None for the plain one

        Raises DataError for an item that has no encoding, naming it and why.
        """

    @abstractmethod
    def decode(self, tensors: Tensor) -> list[Item]:
        """Return the items of tensors [B, *space.shape]; whatever the tensors hold, an item comes back."""

    @abstractmethod
    def prefix(self, text: str) -> Sequence[Sequence[int]]:
        """Return the cuts of a start: every sample that starts with `text` starts with the tokens of exactly one.

        There are several where the tokens of a text depend on what follows it: the last of a cut may go beyond it. The
        first is the cut of `text` alone. What is a start is the encoder's to say: "C" begins no chlorine, "Cl".

        Raises ConditionError if the text cannot start a sample, or the space is not of tokens.
        """

    def check_room(self, asked: Mapping[str, float | str]) -> None:
        """Raise ConditionError where no tensor has room for what is asked for; here it has room for all."""
