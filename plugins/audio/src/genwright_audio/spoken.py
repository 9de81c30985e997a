"""Spoken digits: clips whose manifest says the digit, and which so say the word for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from genwright_audio.clip import Clip
from genwright_audio.readers import read

__all__ = ["WORDS", "read_test", "read_train"]

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def read_train(path: Path, strict: bool = False) -> Iterator[Clip]:
    """Yield the clips of the split `train`, as `readers.read` does."""
    return map(_said, read(path, strict, split="train"))


def read_test(path: Path, strict: bool = False) -> Iterator[Clip]:
    """Yield the clips of the split `test`, as `readers.read` does."""
    return map(_said, read(path, strict, split="test"))


def _said(clip: Clip) -> Clip:
    return clip.saying(text=WORDS[int(clip.facts["digit"])]) if "digit" in clip.facts else clip
