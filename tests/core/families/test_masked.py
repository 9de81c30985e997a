from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genwright.errors import OptionError
from genwright.families.masked import Masked
from genwright.family import Batch
from genwright.readings import Condition, Unmasker
from genwright.seeds import Noise, seeded_torch
from genwright.space import ConditionSpace, Tokens
from genwright.testing.toys import ENTROPY, ROUNDS, Letters

SPACE = Tokens(vocab_size=3, shape=(4,))
EVERY = torch.tensor(list(itertools.product(range(3), repeat=4)))


class Exact(nn.Module):
    """The conditionals of some equally likely rows, exactly, by counting those that fit."""

    def __init__(self, rows: Tensor, vocabulary: int) -> None:
        super().__init__()
        self.rows, self.mask = rows, vocabulary

    def forward(self, x: Tensor, condition: Condition) -> Tensor:
        fits = ((x[:, None] == self.rows) | (x[:, None] == self.mask)).all(2).float()
        return (fits @ F.one_hot(self.rows, self.mask).float().flatten(1)).unflatten(1, (-1, self.mask)).log()


class Table(nn.Module):
    """Logits that depend on the position and on the sum of all tokens, the mask among them: no exact conditionals."""

    def __init__(self, *, space: Tokens, conditions: ConditionSpace) -> None:
        super().__init__()
        logits = torch.randn(13, *space.shape, space.vocab_size, generator=torch.Generator().manual_seed(1))
        self.table = nn.Parameter(logits)

    def forward(self, x: Tensor, condition: Condition) -> Tensor:
        return self.table[x.sum(1)]


class Small(nn.Module):
    """A network of three layers that sees all positions at once."""

    def __init__(self, *, space: Tokens, conditions: ConditionSpace) -> None:
        super().__init__()
        self.kinds, width = space.vocab_size + 1, 128
        self.layers = nn.Sequential(
            nn.Linear(self.kinds * space.size, width),
            nn.GELU(),
            nn.Linear(width, width),
            nn.GELU(),
            nn.Linear(width, space.vocab_size * space.size),
        )

    def forward(self, x: Tensor, condition: Condition) -> Tensor:
        return self.layers(F.one_hot(x, self.kinds).float().flatten(1)).unflatten(1, (-1, self.kinds - 1))


def family(network: Any = Table, space: Tokens = SPACE, **options: Any) -> Masked:
    def build(part: str, **given: Any) -> nn.Module:
        assert part == "network"
        return network if isinstance(network, nn.Module) else network(**given)

    return Masked(space=space, conditions=ConditionSpace(), build=build, **options)


def rounds() -> tuple[Tokens, Tensor]:
    encoder = Letters()
    encoder.fit(ROUNDS)
    return encoder.space, encoder.encode(ROUNDS)


def noise(rows: int, seed: int = 0) -> Noise:
    return Noise(seed, torch.arange(rows))


def exhaustive(made: Masked, x: Tensor) -> Tensor:
    """Return the bound as a sum over every choice of hidden positions."""
    size = made.space.size
    total = torch.zeros(len(x), dtype=torch.float64)
    for choice in itertools.product([False, True], repeat=size):
        if any(choice):
            hidden = torch.tensor([choice]).expand(len(x), -1)
            weight = 1 / (size * math.comb(size, sum(choice)))
            total += weight * made.bound(x, hidden, Condition.none(len(x))).detach().double()
    return total


def any_order(made: Masked, x: Tensor) -> Tensor:
    """Return log p(x) of drawing one position after another, the order being drawn too."""
    logs = []
    for order in itertools.permutations(range(made.space.size)):
        given, log = torch.full_like(x, made.space.vocab_size), torch.zeros(len(x), dtype=torch.float64)
        for place in order:
            answers = made.network(given, Condition.none(len(x)))[:, place].detach().double().log_softmax(-1)
            log += answers.gather(1, x[:, place, None])[:, 0]
            given[:, place] = x[:, place]
        logs.append(log)
    return torch.stack(logs).logsumexp(0) - math.log(len(logs))


def test_the_bound_is_tight_where_the_conditionals_are_exact() -> None:
    space, x = rounds()
    made = family(Exact(x, space.vocab_size), space)
    assert torch.allclose(exhaustive(made, x), torch.full((32,), -ENTROPY, dtype=torch.float64), atol=1e-5)


def test_the_bound_is_below_the_likelihood_everywhere() -> None:
    made = family()
    exact = any_order(made, EVERY)
    assert float(exact.exp().sum()) == pytest.approx(1, abs=1e-6)
    gap = exact - exhaustive(made, EVERY)
    assert bool((gap > 0).all())
    assert float(gap.max()) > 0.1


def test_what_is_estimated_is_the_bound() -> None:
    made, times = family(), 60
    x = EVERY.repeat(times, 1)
    found = made.log_likelihood(x, Condition.none(len(x)), noise(len(x))).view(times, 81).double()
    z = (found.mean(0) - exhaustive(made, EVERY)) / (found.std(0) / times**0.5)
    assert float(z.square().mean()) < 2.0


def test_the_loss_is_the_negative_bound_per_position() -> None:
    made = family()
    (phase,) = made.phases()
    x = EVERY.repeat(200, 1)
    loss = phase.loss(Batch(x=x, condition=Condition.none(len(x)), noise=noise(len(x))))
    assert float(loss.detach()) == pytest.approx(-float(exhaustive(made, EVERY).mean()) / 4, rel=0.02)


def test_draws_spread_over_all_shares_leave_less_to_chance_than_independent_ones() -> None:
    x = EVERY.repeat(40, 1)
    spread = {}
    for draws in (1, 4):
        found = family(draws=draws).log_likelihood(x, Condition.none(len(x)), noise(len(x)))
        spread[draws] = float(found.view(40, 81).var(0).mean())
    assert spread[4] < spread[1] / 4 / 1.2


def test_a_row_s_estimate_does_not_depend_on_the_others() -> None:
    made = family()
    whole = made.log_likelihood(EVERY, Condition.none(81), noise(81))
    part = made.log_likelihood(EVERY[40:44], Condition.none(4), noise(81)[40:44])
    assert torch.allclose(part, whole[40:44])


def test_a_network_learns_a_language_down_to_its_entropy() -> None:
    space, x = rounds()
    with seeded_torch(0):
        made = family(Small, space)
    (phase,) = made.phases()
    optimizer = torch.optim.AdamW(phase.parameters, lr=0.01)
    many = x.repeat(4, 1)
    for step in range(450):
        optimizer.param_groups[0]["lr"] = 0.01 * min(1.0, (450 - step) / 250)
        optimizer.zero_grad()
        batch = Batch(x=many, condition=Condition.none(len(many)), noise=noise(len(many), step))
        phase.loss(batch).backward()
        optimizer.step()
    nats = -float(exhaustive(made, x).mean())
    # A bound, of likelihoods that sum to 1 at most: no model can go below.
    assert ENTROPY < nats < ENTROPY + 0.1


def test_the_reading_says_what_stands_where_nothing_is_drawn() -> None:
    reading = family().reading()
    assert isinstance(reading, Unmasker)
    assert (reading.shape, reading.mask) == ((4,), 3)
    assert reading.unmask(torch.full((2, 4), 3), Condition.none(2)).shape == (2, 4, 3)


def test_a_likelihood_of_no_draws_is_refused() -> None:
    with pytest.raises(OptionError, match=r"likelihood takes 1 draw or more; got 0\. Try draws=32"):
        family(draws=0)
