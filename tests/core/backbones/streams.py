"""What tests of networks that are read token by token have in common."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genwright.readings import Condition, NextToken
from genwright.space import Tokens


def started(space: Tokens, rows: int, *, seed: int = 7) -> Tensor:
    """Rows of tokens that begin with the start token, one position for each of the space's."""
    tokens = torch.randint(0, space.vocab_size, (rows, space.size), generator=torch.Generator().manual_seed(seed))
    tokens[:, 0] = space.vocab_size
    return tokens


def asked(rows: int, *, seed: int = 6) -> Condition:
    generator = torch.Generator().manual_seed(seed)
    scalars = torch.randn(rows, 1, generator=generator)
    scalars[::3] = torch.nan
    labels = torch.randint(-1, 2, (rows, 1), generator=generator)
    return Condition(scalars=scalars, labels=labels, prefix=torch.empty(rows, 0, dtype=torch.int64))


def streamed(made: NextToken, tokens: Tensor, condition: Condition) -> Tensor:
    stream = made.open(condition)
    return torch.stack([stream.step(column) for column in tokens.T], 1)


def assert_every_weight_is_moved(made: nn.Module, tokens: Tensor, condition: Condition) -> None:
    """By a finite gradient of the likelihood of tokens."""
    made.requires_grad_()
    logits = made(tokens, condition)
    losses = torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten())
    losses.backward()
    for name, parameter in made.named_parameters():
        if not name.endswith("unasked"):
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name
            assert parameter.grad.abs().max() > 0, name
