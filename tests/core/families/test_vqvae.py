from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from genwright.errors import MismatchError, OptionError
from genwright.families.vqvae import VQVAE
from genwright.family import Batch
from genwright.readings import Condition
from genwright.seeds import Noise, seeded_torch
from genwright.space import ConditionSpace, Continuous, SampleSpace, Tokens

SPACE = Continuous(shape=(2,), axes=("X",))
CENTRES = torch.tensor([[0.9, 0.0], [0.0, 0.7], [-0.8, 0.1], [0.1, -0.9], [0.5, 0.6]])


class Linear(nn.Module):
    def __init__(self, inward: tuple[int, ...], outward: tuple[int, ...]) -> None:
        super().__init__()
        self.layer, self.outward = nn.Linear(math.prod(inward), math.prod(outward)), outward

    def forward(self, x: Tensor, condition: Condition) -> Tensor:
        return self.layer(x.float().flatten(1)).view(-1, *self.outward)


def build(part: str, *, space: SampleSpace, conditions: ConditionSpace, latent: tuple[int, ...]) -> nn.Module:
    shape = (*space.shape, space.vocab_size) if isinstance(space, Tokens) else space.shape
    return Linear(space.shape, latent) if part == "posterior" else Linear(latent, shape)


def family(space: SampleSpace = SPACE, **options: Any) -> VQVAE:
    with seeded_torch(0):
        return VQVAE(space=space, conditions=ConditionSpace(), build=build, **options)


def batch(x: Tensor, step: int) -> Batch:
    return Batch(x=x, condition=Condition.none(len(x)), noise=Noise(0, step * len(x) + torch.arange(len(x))))


def trained(made: VQVAE, steps: int = 400) -> VQVAE:
    (phase,) = made.phases()
    optimizer = torch.optim.AdamW(phase.parameters, lr=0.02, weight_decay=0.0)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = 0.02 * min(1.0, 2 * (steps - step) / steps)
        optimizer.zero_grad()
        noise = Noise(1, step * 64 + torch.arange(64))
        x = CENTRES[noise.bits("centre", 0, 1)[:, 0] % 5] + 0.01 * noise.normal("place", 0, 2)
        phase.loss(batch(x, step)).backward()
        optimizer.step()
    return made.eval()


def test_five_kinds_of_points_get_five_codes_which_stand_for_them() -> None:
    made = trained(family(places=1, codes=5, width=2))
    codes = made.encode(CENTRES, Condition.none(5))
    assert sorted(codes[:, 0].tolist()) == [0, 1, 2, 3, 4]
    assert torch.allclose(made.decode(codes, Condition.none(5)), CENTRES, atol=0.03)


def test_a_grid_of_five_by_five_tells_them_apart_too() -> None:
    made = trained(family(places=1, codebook="fsq", levels=(5, 5)))
    codes = made.encode(CENTRES, Condition.none(5))
    assert len(set(codes[:, 0].tolist())) == 5
    assert made.latents == Tokens(vocab_size=25, shape=(1,))


def test_the_loss_is_the_squared_error_and_the_codebook_s_cost_per_position() -> None:
    made = family(places=1, codes=2, width=2).eval()
    (phase,) = made.phases()
    vectors, cost = made.codebook.quantized(made.posterior(CENTRES, Condition.none(5)).mT, Noise(0, torch.arange(5)))
    error = (made.likelihood(vectors, Condition.none(5)) - CENTRES).square().mean()
    assert float(phase.loss(batch(CENTRES, 0)).detach()) == pytest.approx(float((error + cost.mean()).detach()))


def test_tokens_are_written_and_read_back_as_fewer() -> None:
    space = Tokens(vocab_size=3, shape=(4,))
    made = family(space, places=(2, 1), codebook="fsq", levels=(2, 2))
    x = torch.tensor([[0, 1, 2, 0], [1, 1, 1, 1]])
    codes = made.encode(x, Condition.none(2))
    assert codes.shape == (2, 2, 1)
    again = made.decode(codes, Condition.none(2))
    assert (again.shape, again.dtype) == (x.shape, torch.int64)
    logits = made.likelihood(made.codebook.vectors(codes.flatten(1)).mT.unsqueeze(-1), Condition.none(2))
    nats = -logits.log_softmax(-1).gather(-1, x[..., None]).mean()
    (phase,) = made.phases()
    assert float(phase.loss(batch(x, 0)).detach()) == pytest.approx(float(nats.detach()), rel=1e-5)


@pytest.mark.parametrize(("codebook", "size", "width"), [("vq", 512, 16), ("fsq", 1000, 4)])
def test_a_codebook_is_as_large_as_is_usual_unless_that_is_said(codebook: str, size: int, width: int) -> None:
    made = family(codebook=codebook).codebook
    assert (made.size, made.width) == (size, width)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"levels": (8, 5)}, r"codebook 'vq' has codes and a width; got levels=\(8, 5\), .* or write codebook='fsq'"),
        ({"codebook": "fsq", "codes": 512}, r"codebook 'fsq' has levels, .*; got codes=512, of 'vq'\. Leave out"),
        ({"codebook": "fsq", "codes": 8, "width": 2}, r"got codes=8 and width=2, of 'vq'\. Leave .* codebook='vq'"),
    ],
)
def test_what_is_said_of_the_other_codebook_is_refused(options: dict[str, Any], message: str) -> None:
    """It was once left aside without a word."""
    with pytest.raises(OptionError, match=message):
        family(**options)


def test_nothing_can_be_drawn_from_it_alone() -> None:
    with pytest.raises(MismatchError, match=r"learns what tokens stand for.*encoder 'codes' with this model"):
        family().reading()


def test_there_is_no_likelihood() -> None:
    with pytest.raises(MismatchError, match="family 'vqvae' learns to draw, and gives no likelihood"):
        family().log_likelihood(CENTRES, Condition.none(5), Noise(0, torch.arange(5)))
