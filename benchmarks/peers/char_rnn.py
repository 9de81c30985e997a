"""CharRNN as MOSES describes it: three LSTM layers of 768 over one-hot characters.

Source: Segler et al. (2018), doi:10.1021/acscentsci.7b00512, as in Polykovskiy et al. (2020),
doi:10.3389/fphar.2020.565644. The weights are random: they decide what is drawn, not how fast; so each row's length is
given from outside, where the trained model would draw its end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["CharRNN"]

_SYMBOLS = 30
"""26 characters of MOSES's molecules, and four marks: begin, end, fill, unknown."""

_HIDDEN, _LAYERS = 768, 3


@final
class CharRNN(nn.Module):
    """Draws rows of characters."""

    def __init__(self) -> None:
        super().__init__()
        self.network = nn.LSTM(_SYMBOLS, _HIDDEN, _LAYERS, batch_first=True)
        self.head = nn.Linear(_HIDDEN, _SYMBOLS)

    @torch.inference_mode()
    def draw(self, lengths: Sequence[int]) -> Tensor:
        """Return one row of characters for each length; a batch goes on until its longest row has ended."""
        tokens = torch.zeros(len(lengths), 1, dtype=torch.int64)
        state: tuple[Tensor, Tensor] | None = None
        drawn = []
        for _ in range(max(lengths) + 1):
            hidden, state = self.network(F.one_hot(tokens, _SYMBOLS).to(self.head.weight.dtype), state)
            tokens = torch.multinomial(self.head(hidden[:, -1]).float().softmax(-1), 1)
            drawn.append(tokens)
        return torch.cat(drawn, 1)
