"""Writes the golden files anew: `make golden`. The commit that changes one says why its numbers moved."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from genwright.seeds import Noise, permutation
from genwright.testing.toys import toy_recipe

HERE = Path(__file__).parent


def seeds() -> dict[str, Any]:
    """Return draws of some seeds, samples, purposes and steps; floats as the words that hold their bits."""
    noise = Noise(2**63 - 1, torch.tensor([0, 1, 2**40 + 3, 2**63 - 1]))
    return {
        "bits": noise.bits("token", 0, 6).tolist(),
        "uniform": _words(noise.uniform("token", 3, 5)),
        "normal": _words(noise.normal("latent", 2**32 - 1, 5)),
        "gumbel": _words(noise.gumbel("token", 77, 5)),
        "permutation": permutation(7, 3, 12).tolist(),
    }


def recipe() -> dict[str, str]:
    """Return the digest of a recipe."""
    return {"digest": toy_recipe("rounds.txt").digest}


def _words(floats: torch.Tensor) -> list[list[str]]:
    return [[f"{word & 0xFFFFFFFF:08x}" for word in row] for row in floats.view(torch.int32).tolist()]


GOLDEN: Mapping[str, Callable[[], dict[str, Any]]] = {"seeds": seeds, "recipe": recipe}

if __name__ == "__main__":
    for name, made in GOLDEN.items():
        text = json.dumps(made(), indent=1)
        (HERE / f"{name}.json").write_text(text + "\n", encoding="utf-8")
