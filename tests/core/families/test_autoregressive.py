from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from genwright.backbones.transformer import Transformer
from genwright.families.autoregressive import Autoregressive
from genwright.family import Batch
from genwright.readings import Condition
from genwright.seeds import Noise, seeded_torch
from genwright.space import ConditionSpace, Tokens
from genwright.testing.toys import ENTROPY, ROUNDS, Letters

STOP = 0
SPACE = Tokens(vocab_size=3, shape=(4,), stop=STOP)


class Table(nn.Module):
    """A network whose logits are a table: of the tokens that follow each token."""

    def __init__(self, *, space: Tokens, conditions: ConditionSpace) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(2)
        logits = torch.randn(space.vocab_size + 1, space.vocab_size, generator=generator)
        self.table = nn.Parameter(logits, requires_grad=False)

    def forward(self, tokens: Tensor, condition: Condition) -> Tensor:
        return self.table[tokens]


def family(space: Tokens = SPACE, network: type[nn.Module] = Table, **options: Any) -> Autoregressive:
    def build(part: str, **given: Any) -> nn.Module:
        assert part == "network"
        return network(**given, **options)

    return Autoregressive(space=space, conditions=ConditionSpace(), build=build)


def batch(x: Tensor) -> Batch:
    return Batch(x=x, condition=Condition.none(len(x)), noise=Noise(0, torch.arange(len(x))))


def by_hand(made: Autoregressive, row: list[int], *, stop: int | None = STOP) -> float:
    """Return log p of a row, as a sum over its tokens up to the first stop."""
    logs = made.network.table.detach().double().log_softmax(-1)
    total, before = 0.0, made.space.vocab_size
    for token in row:
        total += float(logs[before, token])
        before = token
        if token == stop:
            break
    return total


ROWS = [[1, 2, 0, 0], [0, 0, 0, 0], [2, 2, 2, 2], [1, 0, 2, 1]]


def test_the_likelihood_is_exact() -> None:
    made = family()
    found = made.log_likelihood(torch.tensor(ROWS), Condition.none(4))
    assert torch.allclose(found.double(), torch.tensor([by_hand(made, row) for row in ROWS]).double(), atol=1e-6)


def test_all_sequences_together_have_probability_1() -> None:
    made = family()
    rows = [[a, b, c, d] for a in range(3) for b in range(3) for c in range(3) for d in range(3)]
    ended = {tuple(row[: row.index(0) + 1] if 0 in row else row) for row in rows}
    x = torch.tensor([[*row, *[0] * (4 - len(row))] for row in ended])
    assert float(made.log_likelihood(x, Condition.none(len(x))).double().exp().sum()) == pytest.approx(1, abs=1e-6)


def test_the_loss_is_nats_per_position_up_to_the_first_stop() -> None:
    made = family()
    (phase,) = made.phases()
    assert float(phase.loss(batch(torch.tensor(ROWS)))) == pytest.approx(
        -sum(by_hand(made, row) for row in ROWS) / (len(ROWS) * 4), abs=1e-6
    )


def test_what_comes_after_the_stop_does_not_matter() -> None:
    made = family()
    (phase,) = made.phases()
    one, other = torch.tensor([[1, 0, 0, 0], [2, 1, 0, 0]]), torch.tensor([[1, 0, 2, 1], [2, 1, 0, 1]])
    assert torch.equal(phase.loss(batch(one)), phase.loss(batch(other)))


def test_where_nothing_stops_every_token_counts() -> None:
    made = family(Tokens(vocab_size=3, shape=(2, 2)))
    (phase,) = made.phases()
    x = torch.tensor([[[1, 0], [0, 2]]])
    assert float(phase.loss(batch(x))) == pytest.approx(-by_hand(made, [1, 0, 0, 2], stop=None) / 4, abs=1e-6)


def test_the_reading_says_how_rows_start_and_end() -> None:
    reading = family().reading()
    assert (reading.start, reading.stop, reading.length) == (3, STOP, 4)


def test_every_row_counts_the_same_whatever_it_is_batched_with() -> None:
    """A mean over tokens once made those of short rows, batched with their like, count more: too many were drawn."""
    made = family()
    (phase,) = made.phases()
    rows = batch(torch.tensor(sorted(ROWS, key=lambda row: row.index(0) if 0 in row else 4)))
    apart = torch.stack([phase.loss(rows[:2]), phase.loss(rows[2:])]).mean()
    assert torch.allclose(apart, phase.loss(rows))


def test_a_transformer_learns_a_language_down_to_its_entropy() -> None:
    encoder = Letters()
    encoder.fit(ROUNDS)
    x = encoder.encode(ROUNDS)
    with seeded_torch(0):
        made = family(encoder.space, Transformer, width=32, depth=2, heads=4)
    (phase,) = made.phases()
    optimizer = torch.optim.AdamW(phase.parameters, lr=0.01)
    for step in range(120):
        optimizer.param_groups[0]["lr"] = 0.01 * min(1.0, (120 - step) / 60)
        optimizer.zero_grad()
        phase.loss(batch(x)).backward()
        optimizer.step()
    nats = -float(made.log_likelihood(x, Condition.none(32)).detach().double().mean())
    # The likelihoods of all rounds sum to less than 1, so no model can go below.
    assert ENTROPY < nats < ENTROPY + 0.05
