"""A domain so small that a model of it is trained in a second and everything about it is known.

Its items are rounds: one to eight letters of abcd, each followed by the next and d by a, such as "cdab". There are 32.
If all are equally likely, a round has log 32 nats; a model that has learned them perfectly cannot go below.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pluggy
import torch
from torch import Tensor

from genwright.domain import Contour, Domain, Label, Offer, Prefix, Scalar
from genwright.encoder import Encoder
from genwright.errors import ConditionError, DataError, OptionError
from genwright.metrics import Value
from genwright.recipe import Recipe, use
from genwright.registry import Plugin, Registry, discover
from genwright.samples import Review
from genwright.seeds import Noise
from genwright.space import Tokens
from genwright.specs import DomainSpec, EncoderSpec, MetricSpec, ReviewerSpec, Spec

__all__ = ["ENTROPY", "ROUNDS", "Letters", "Quiet", "Rounds", "soundness", "toy_recipe", "toy_registry", "variety"]

_LETTERS = "abcd"
_LONGEST = 8

ROUNDS = tuple("".join(_LETTERS[(start + i) % 4] for i in range(n)) for start in range(4) for n in range(1, 9))
"""Every round."""

ENTROPY = math.log(len(ROUNDS))
"""Nats of a round where all are equally likely."""


class Rounds(Domain[str]):
    """Rounds. Capitals are another spelling of the same round."""

    name = "rounds"
    conditions: Mapping[str, Offer] = {
        "letters": Scalar(summary="how many letters it has", low=1, high=_LONGEST),
        "first": Label(summary="its first letter", values=tuple(_LETTERS)),
        "start": Prefix(summary="the letters it starts with"),
        "heights": Contour(summary="how far up each letter is", low=0, high=3, rate=2, longest=_LONGEST),
    }
    pictures = (".svg",)

    def read(self, path: Path, *, strict: bool = False) -> Iterator[str]:
        """Yield the lines of a text file; one that is no round is passed over, or raises if `strict`."""
        try:
            lines = path.read_text(encoding="utf-8").split()
        except OSError as error:
            raise DataError(f"rounds are read from a text file; {path} cannot be: {error.strerror}.") from error
        for number, line in enumerate(lines, 1):
            flaw = self.check(line)
            if flaw and strict:
                raise DataError(f"{path}, line {number}: {flaw}")
            if flaw:
                warnings.warn(f"{path}, line {number} was passed over: {flaw}", stacklevel=2)
            else:
                yield line

    def write(self, items: Iterable[str], path: Path) -> None:
        """Write rounds to a text file, one a line."""
        path.write_text("".join(f"{item}\n" for item in items), encoding="utf-8")

    def check(self, item: str) -> str | None:
        """Return why it is no round, or None."""
        return None if item.lower() in ROUNDS else f"{item!r} is no round."

    def canonical(self, item: str) -> str | None:
        """Return the round in small letters."""
        return None if self.check(item) else item.lower()

    def identity(self, item: str) -> str | None:
        """Return the first letter and the number of letters."""
        return None if self.check(item) else f"{item[0].lower()}{len(item)}"

    def measure(self, items: Sequence[str], names: Sequence[str]) -> np.ndarray:
        """Return the number of letters, for as many of `names` as ask for it."""
        return np.array([[float(len(item)) for _ in names] for item in items]).reshape(len(items), len(names))

    def describe(self, items: Sequence[str], name: str) -> list[str | None]:
        """Return the first letter of each."""
        return [item[0].lower() for item in items]

    def trace(self, items: Sequence[str], name: str) -> list[np.ndarray | None]:
        """Return how far each letter is from "a"."""
        return [np.array([float(_LETTERS.index(letter)) for letter in item.lower()]) for item in items]

    def gather(self, items: Sequence[str]) -> list[str]:
        """Return the items."""
        return list(items)

    def reference(self, items: Sequence[str]) -> list[str]:
        """Return the items."""
        return list(items)

    def to_bytes(self, item: str) -> bytes:
        """Return the letters as bytes."""
        return item.encode()

    def from_bytes(self, data: bytes) -> str:
        """Return the round of such bytes."""
        return data.decode()

    def render(self, items: Sequence[str], path: Path, *, legends: Sequence[str] = ()) -> None:
        """Write the letters as an SVG file."""
        if path.suffix != ".svg":
            raise DataError(f"rounds are drawn as .svg; got {path.name}. Choose a name that ends so.")
        path.write_text(f'<svg xmlns="http://www.w3.org/2000/svg"><text>{" ".join(items)}</text></svg>\n')


class Letters(Encoder[str]):
    """A token for each letter; 0 ends the round.

    length:  the most letters
    shouted: whether a training example is spelled in capitals half of the time
    """

    def __init__(self, *, length: int = _LONGEST, shouted: bool = False) -> None:
        if length < 1:
            raise OptionError(f"encoder 'letters' takes a length of 1 or more; got {length}. Try length=8.")
        self.length, self.shouted = length, shouted
        self._alphabet = ""

    @property
    def space(self) -> Tokens:
        """Rows of `length` tokens."""
        return Tokens(vocab_size=1 + len(self._alphabet), shape=(self.length,), stop=0)

    @property
    def pace(self) -> float:
        """Two letters a second."""
        return 2.0

    @property
    def augments(self) -> bool:
        """Whether examples are spelled in capitals at times."""
        return self.shouted

    def fit(self, items: Sequence[str]) -> None:
        """Learn which letters there are."""
        found = {letter for item in items for letter in item}
        self._alphabet = "".join(sorted(found | {letter.upper() for letter in found if self.shouted}))

    def state(self) -> Mapping[str, Any]:
        """Return the letters."""
        return {"alphabet": self._alphabet}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back the letters."""
        self._alphabet = state["alphabet"]

    def encode(self, items: Sequence[str], *, noise: Noise | None = None) -> Tensor:
        """Return the tokens of rounds."""
        if noise is not None and self.shouted:
            loud = (noise.uniform("shout", 0, 1)[:, 0] < 0.5).tolist()
            items = [item.upper() if is_loud else item for item, is_loud in zip(items, loud, strict=True)]
        return torch.tensor([self._row(item) for item in items], dtype=torch.int64).reshape(len(items), self.length)

    def decode(self, tensors: Tensor) -> list[str]:
        """Return the letters before the first stop."""
        rows = [row[: row.index(0)] if 0 in row else row for row in tensors.tolist()]
        return ["".join(self._alphabet[token - 1] for token in row) for row in rows]

    def prefix(self, text: str) -> Sequence[Sequence[int]]:
        """Return the tokens of the text."""
        if len(text) > self.length or set(text) - set(self._alphabet):
            raise ConditionError(
                f"a round starts with up to {self.length} letters of {self._alphabet}; got {text[:40]!r}. Write such."
            )
        return [[1 + self._alphabet.index(letter) for letter in text]]

    def _row(self, item: str) -> list[int]:
        if len(item) > self.length or set(item) - set(self._alphabet):
            raise DataError(f"{item!r} has more than {self.length} letters, or others than {self._alphabet}.")
        return [1 + self._alphabet.index(letter) for letter in item] + [0] * (self.length - len(item))


class Quiet:
    """Refuses rounds with more than `most` letters.

    most: how many may be
    """

    def __init__(self, *, most: int = 5) -> None:
        self.most = most

    def __call__(self, items: Sequence[str]) -> list[Review]:
        """Return a review of each."""
        return [
            Review(reviewer="quiet", passed=len(item) <= self.most, reason="" if len(item) <= self.most else "too long")
            for item in items
        ]


def soundness(samples: Sequence[str], reference: Sequence[str] | None) -> Value:
    """Return the share that are rounds."""
    domain = Rounds()
    return Value(value=sum(domain.check(item) is None for item in samples) / len(samples), count=len(samples))


def variety(samples: Sequence[str], reference: Sequence[str] | None) -> Value | None:
    """Return the share of the reference that is among the samples, or None without one."""
    if reference is None:
        return None
    return Value(value=len(set(samples) & set(reference)) / len(set(reference)), error=0.5, count=len(samples))


_HERE = "genwright.testing.toys"
_SPECS: tuple[Spec, ...] = (
    DomainSpec(name="rounds", target=f"{_HERE}:Rounds", summary="rounds", encoder="letters", media_type="text/plain"),
    EncoderSpec(name="letters", target=f"{_HERE}:Letters", summary="letters", domain="rounds", space="tokens"),
    ReviewerSpec(name="quiet", target=f"{_HERE}:Quiet", summary="short ones pass", domain="rounds"),
    MetricSpec(name="soundness", target=f"{_HERE}:soundness", summary="how many are rounds", domain="rounds"),
    MetricSpec(name="variety", target=f"{_HERE}:variety", summary="how many of the reference", domain="rounds"),
)


def toy_registry(*specs: Spec, hooks: Mapping[str, pluggy.HookRelay] | None = None) -> Registry:
    """Return a registry of core, the toys and these components.

    hooks: observers, by the name of their plugin
    """
    core = discover(only=[]).plugins[0]
    toys = Plugin(name="toys", distribution="genwright-toys", version="1.0", specs=(*_SPECS, *specs))
    return Registry([core, toys], hooks or {})


def toy_recipe(data: Path | str, **changes: Any) -> Recipe:
    """Return a recipe that learns the rounds in a file, and how many letters they have, in about a second."""
    fields: dict[str, Any] = {
        "domain": "rounds",
        "data": str(data),
        "encoder": use("letters"),
        "family": use("autoregressive"),
        "backbone": use("transformer", width=32, depth=2, heads=4, shared=2),
        "conditions": ("letters",),
        "steps": 150,
        "batch_size": 32,
        "learning_rate": 0.01,
        "warmup": 5,
        "average": 0.9,
        "held_out": 0.0,
        "precision": "float32",
    }
    return Recipe(**(fields | changes))
