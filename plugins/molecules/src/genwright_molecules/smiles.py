"""Molecules as SMILES, cut into atoms, bonds, branches and ring closures."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, final

import torch
from jaxtyping import Int64, Shaped
from rdkit import Chem
from torch import Tensor

from genwright.encoder import Encoder
from genwright.errors import ConditionError, OptionError
from genwright.seeds import Noise
from genwright.space import Tokens
from genwright_molecules.merges import merged
from genwright_molecules.molecule import parse, refusal
from genwright_molecules.vocabulary import STOP, Vocabulary, quote

__all__ = ["Smiles", "respell"]

_TOKEN = re.compile(r"\[[^\[\]]*\]|Br|Cl|%\d\d|.", re.DOTALL)
_CHARACTER = re.compile(r"Br|Cl|.", re.DOTALL)
_UNFINISHED = re.compile(r"(\[[^\]]*|%\d?)$")

_RARE = 10
"""A bracket atom seen fewer times in training is spelled by character, which teaches the model to spell unseen ones."""

_RESPELLED = 10_000
"""How many training items are respelled to learn the tokens that only other spellings need."""


@final
class Smiles(Encoder[str]):
    """SMILES as tokens: an atom, a bond, a branch or a ring closure each.

    A bracket atom that is frequent in the training data is one token; any other is spelled by character.

    length:    the most tokens of a molecule, with the stop that ends it
    merges:    how many frequent runs of tokens become tokens themselves, by byte-pair encoding; 100 shorten druglike
               molecules from 35 tokens to 12, and training and drawing as much
    randomize: train on other spellings of each molecule, which start and branch elsewhere
    """

    def __init__(self, *, length: int = 64, merges: int = 0, randomize: bool = False) -> None:
        if length < 2:
            raise OptionError(f"encoder 'smiles' needs length of 2 or more; got {length}. Try length=64.")
        if merges < 0:
            raise OptionError(f"encoder 'smiles' needs merges of 0 or more; got {merges}.")
        self.length = length
        self.merges = merges
        self.randomize = randomize
        self._vocabulary = Vocabulary(())

    @property
    def space(self) -> Tokens:
        """Rows of `length` tokens; the stop is token 0."""
        return Tokens(vocab_size=len(self._vocabulary), shape=(self.length,), stop=STOP)

    @property
    def augments(self) -> bool:
        """Whether the encoder was made with randomize=True."""
        return self.randomize

    @property
    def texts(self) -> Sequence[str]:
        """The text of each token; empty for the stop."""
        return self._vocabulary.texts

    def fit(self, items: Sequence[str]) -> None:
        """Learn which tokens the training data needs, in alphabetical order."""
        counts = Counter(token for item in items for token in _TOKEN.findall(item))
        if self.randomize:
            sample = items[:_RESPELLED]
            counts.update(
                t for text in respell(sample, Noise(0, torch.arange(len(sample)))) for t in _TOKEN.findall(text)
            )
        pieces = set(_pieces(counts))
        if self.merges:
            pieces |= merged(([t for t in _TOKEN.findall(item) if t in pieces] for item in items), self.merges)
        self._vocabulary = Vocabulary(sorted(pieces))

    def state(self) -> Mapping[str, Any]:
        """Return the texts of the tokens, from token 1 on."""
        return {"tokens": list(self._vocabulary.pieces)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back the texts of the tokens."""
        self._vocabulary = Vocabulary(state["tokens"])

    def encode(self, items: Sequence[str], *, noise: Noise | None = None) -> Int64[Tensor, "B T"]:
        """Return the tokens of molecules, each ended and filled with the stop.

        noise: with randomize, the molecule is spelled from a random order of its atoms; if that spelling does not fit
               the vocabulary or the length, it keeps its own

        Raises DataError for a molecule that is too long or holds what was not in the training data.
        """
        if noise is None or not self.randomize:
            return self._vocabulary.encode(items, length=self.length)
        pairs = zip(respell(items, noise), items, strict=True)
        return self._vocabulary.encode(
            [self._vocabulary.first_fitting(pair, self.length) for pair in pairs], length=self.length
        )

    def decode(self, tensors: Shaped[Tensor, "B T"]) -> list[str]:
        """Return the SMILES of rows of tokens, each up to its first stop, valid or not."""
        return self._vocabulary.decode(tensors)

    def prefix(self, text: str) -> Sequence[Sequence[int]]:
        """Return the cuts of the start of a SMILES, several if there are merges.

        None ends the last atom of the text otherwise, as "Cl" would "C", and none is a start of no molecule, unless the
        text itself is.

        Raises ConditionError if it is too long, ends inside a token, or holds what was not in the training data.
        """
        if _UNFINISHED.search(text):
            raise ConditionError(
                f"prefix {quote(text)} ends inside an atom or a ring number. Complete it or leave it out."
            )
        cuts = self._vocabulary.prefix(text, self.length)
        atoms, spelled = _TOKEN.findall(text), ["".join([self.texts[token] for token in cut]) for cut in cuts]
        whole = [_TOKEN.findall(longer)[: len(atoms)] == atoms for longer in spelled]
        # A sampler that draws molecules alone cannot go on from a start of none, and takes its cut as it is given.
        possible = [refusal(longer) is None or refusal(text) is not None for longer in spelled]
        return [cut for cut, *kept in zip(cuts, whole, possible, strict=True) if all(kept)]


def _pieces(counts: Mapping[str, int]) -> Iterator[str]:
    """Yield the tokens of a vocabulary, with the characters of all bracket atoms."""
    for token, count in counts.items():
        is_bracket = token.startswith("[") and len(token) > 1
        if is_bracket:
            yield from _CHARACTER.findall(token)
        if not is_bracket or count >= _RARE:
            yield token


def respell(items: Sequence[str], noise: Noise) -> Iterator[str]:
    """Yield each molecule as RDKit spells it when its atoms are in a random order; as it is if RDKit cannot read it.

    Source: the restricted randomisation of Arús-Pous et al. (2019), doi:10.1186/s13321-019-0393-0.
    """
    molecules = [parse(item) for item in items]
    keys = noise.uniform("spelling", 0, max((m.GetNumAtoms() for m in molecules if m), default=0))
    for item, molecule, row in zip(items, molecules, keys, strict=True):
        if molecule is None:
            yield item
            continue
        order = torch.argsort(row[: molecule.GetNumAtoms()], stable=True).tolist()
        yield Chem.MolToSmiles(Chem.RenumberAtoms(molecule, order), canonical=False)
