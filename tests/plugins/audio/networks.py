"""Small networks that hear, for the tests of what takes one of the user's."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Loud", "saved"]

_ANY = {1: torch.export.Dim.AUTO}


class Loud(nn.Module):
    """How loud a wave is in each of its quarters, and `times` that."""

    def __init__(self, times: float = 2.0) -> None:
        super().__init__()
        self.times = times

    def forward(self, wave: Tensor) -> Tensor:
        """Return features [1, 4, 2] of a wave [1, L]."""
        loud = F.adaptive_avg_pool1d(wave.abs()[:, None], 4).transpose(1, 2)
        return torch.cat([loud, self.times * loud], 2)


def saved(network: nn.Module, path: Path, *, rate: str | None = "8000", lengths: object = _ANY) -> Path:
    """Write a network for waves of these lengths, any if not given, and return the path."""
    program = torch.export.export(network.eval(), (torch.zeros(1, 800),), dynamic_shapes=(lengths,))
    torch.export.save(program, path, extra_files=None if rate is None else {"rate": rate})
    return path
