from __future__ import annotations

import pytest
import torch

from genwright.errors import OptionError
from genwright.seeds import Noise, seeded_torch
from genwright_audio.autoencoder import Autoencoder
from genwright_audio.spectrum import Frames

FRAMES = Frames(rate=8000, bands=20, size=200, hop=50)
NOISE = Noise(1, torch.arange(6))


def bands(rows: int = 6, *, seed: int = 5) -> torch.Tensor:
    """Return bands in which there is four fifths as much along each axis as along the one before."""
    draws = Noise(seed, torch.arange(rows)).normal("bands", 0, 64 * 40).view(rows, 64, 40)
    axes, _ = torch.linalg.qr(Noise(6, torch.arange(40)).normal("axes", 0, 40))
    return ((draws * 0.8 ** torch.arange(40)) @ axes - 5).reshape(rows, 128, 20).mT


def network(**options: int) -> Autoencoder:
    with seeded_torch(1):
        made = Autoencoder(frames=FRAMES, width=8, blocks=(1, 1), **{"codebooks": 4, "latent": 16, **options})  # type: ignore[arg-type]
    return made.requires_grad_(False)


def used(network: Autoencoder) -> Autoencoder:
    """Return a network of which the tables hold vectors, as after a first step."""
    network.train().quantized(network.vectors(bands()), torch.full((6,), 4), NOISE)
    return network.eval()


def test_frames_become_a_vector_together_and_vectors_are_of_one_size() -> None:
    found = network(together=4).vectors(bands())
    assert found.shape == (6, 32, 16)
    torch.testing.assert_close(found.square().mean(-1), torch.ones(6, 32), atol=1e-3, rtol=0)


def test_frames_come_back_in_their_places() -> None:
    ours = network(together=4)
    ours.leave.weight.zero_()
    ours.leave.bias.copy_(torch.arange(80))
    found = ours.mels(ours.vectors(bands()))
    assert found.shape == (6, 20, 128)
    torch.testing.assert_close(found[:, :, 4:8].mT.reshape(6, 80), (2.5 * torch.arange(80) - 6).expand(6, 80))


def test_each_further_table_brings_vectors_nearer_once_all_numbers_are_replaced() -> None:
    ours = used(network(codes=16))
    vectors, apart = ours.vectors(bands(seed=7)), []
    for count in range(1, 5):
        found, _ = ours.quantized(vectors, torch.full((6,), count), NOISE)
        apart.append(float((found - vectors).square().mean()))
    assert apart == sorted(apart, reverse=True)
    assert apart[-1] < 0.8 * apart[1] < 0.5 * apart[0]


def test_what_it_learns_on_is_what_is_decoded() -> None:
    ours, x = used(network()), bands()
    vectors = ours.vectors(x)
    for count in (1, 4):
        found, _ = ours.quantized(vectors, torch.full((6,), count), NOISE)
        torch.testing.assert_close(ours.mels(found), ours.decoded(ours.codes(x)[..., :count]), atol=1e-4, rtol=0)


def test_rows_have_as_many_tables_as_they_are_given_and_pay_for_these() -> None:
    ours = used(network())
    vectors = ours.vectors(bands())
    each = [ours.quantized(vectors, torch.full((6,), count), NOISE) for count in (1, 2, 3)]
    found, costs = ours.quantized(vectors, torch.tensor([1, 2, 3, 1, 2, 3]), NOISE)
    for row in range(6):
        alike, cost = each[row % 3]
        assert torch.equal(found[row], alike[row])
        assert costs[row] == cost[row]


def test_gradients_pass_straight_to_the_vectors() -> None:
    ours = used(network())
    vectors = ours.vectors(bands()).requires_grad_()
    found, _ = ours.quantized(vectors, torch.full((6,), 4), NOISE)
    (3 * found).sum().backward()  # type: ignore[no-untyped-call]
    assert vectors.grad is not None
    assert torch.equal(vectors.grad, torch.full_like(vectors, 3.0))


def test_it_is_made_again_of_its_options() -> None:
    ours = network(together=1, codes=16)
    options = ours.to_json()
    again = Autoencoder(
        **{**options, "frames": Frames.from_json(options["frames"]), "blocks": tuple(options["blocks"])}
    )
    again.load_state_dict(ours.state_dict())
    assert torch.equal(again.vectors(bands()), ours.vectors(bands()))
    assert again.size == 16


def test_sizes_of_nothing_are_refused() -> None:
    with pytest.raises(OptionError, match=r"from 1; got 2, 8, \(1, 1\) and 0. Try 2, 128, \(4, 6\) and 8."):
        network(codebooks=0)


@pytest.mark.parametrize("latent", [0, 12, 40])
def test_vectors_that_the_tables_cannot_share_are_refused(latent: int) -> None:
    with pytest.raises(
        OptionError, match=rf"for 8 numbers of a vector.*; got {latent} numbers and 4 .* Try 16 numbers"
    ):
        network(latent=latent)
