"""What PyTorch computes on. Run as a program, so that a PyTorch that crashes does not take its caller along."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["devices"]


def devices() -> dict[str, Any]:
    """Return PyTorch's version, and what it finds of processors and graphics cards."""
    import torch

    cards = [torch.cuda.get_device_properties(index) for index in range(torch.cuda.device_count())]
    return {
        "torch": torch.__version__,
        "cpu": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "cuda": torch.version.cuda,
        "cards": [
            {"name": card.name, "capability": f"{card.major}.{card.minor}", "memory": card.total_memory}
            for card in cards
        ],
        "mps": torch.backends.mps.is_available(),
    }


if __name__ == "__main__":
    print(json.dumps(devices()))
