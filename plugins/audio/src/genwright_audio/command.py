"""The commands that train a network on recordings into a new folder: python -m genwright_audio.coding, .vocoding."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch

from genwright.errors import GenwrightError
from genwright.files import replaced

__all__ = ["carried_out", "parser_of"]


def parser_of(module: str, description: str, numbers: Mapping[str, tuple[int, str]]) -> argparse.ArgumentParser:
    """Return what reads a folder, recordings and whole numbers, of each of which the usual one and the meaning."""
    parser = argparse.ArgumentParser(prog=f"python -m genwright_audio.{module}", description=description)
    parser.add_argument("folder", type=Path, help="new, for what is trained")
    parser.add_argument("files", type=Path, nargs="+", help="recordings")
    for name, (usual, meaning) in numbers.items():
        parser.add_argument(f"--{name}", type=int, default=usual, help=f"{meaning}; {usual} if not given")
    return parser


def carried_out(
    parser: argparse.ArgumentParser,
    train: Callable[[argparse.Namespace, Path], None],
    arguments: Sequence[str] | None,
) -> int:
    """Have a network trained into a folder that appears whole or not at all; return 1 if it cannot be, and say why.

    train: is given what is asked, and the folder that it makes
    """
    asked = parser.parse_args(arguments)
    torch.set_num_threads(1)
    try:
        with replaced(asked.folder, force=False) as folder:
            train(asked, folder)
    except (GenwrightError, OSError) as error:
        print(f"Refused: {error}", file=sys.stderr)
        return 1
    return 0
