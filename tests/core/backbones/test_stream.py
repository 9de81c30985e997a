from __future__ import annotations

from unittest.mock import patch

import pytest
import torch

from genwright import kernels
from genwright.backbones.transformer import Transformer, rotation
from genwright.kernels.rotary_cache.reference import rotate
from genwright.readings import Condition
from genwright.space import ConditionSpace, Tokens
from genwright.testing.networks import shaken
from tests.core.tapes import taped

SPACE = Tokens(vocab_size=7, shape=(10,), stop=0)
CONDITIONS = ConditionSpace(scalars={"size": (0.0, 1.0)}, labels={"colour": ("red", "green")})


@pytest.fixture
def network() -> Transformer:
    made = Transformer(space=SPACE, conditions=CONDITIONS, width=16, depth=2, heads=4, shared=2)
    generator = torch.Generator().manual_seed(1)
    for parameter in made.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator) * parameter.shape[-1] ** -0.5
    return made.eval().requires_grad_(False)


def asked(*sizes: float, colours: tuple[int, ...] = (0, 0, 1, -1)) -> Condition:
    return Condition(
        scalars=torch.tensor(sizes)[:, None],
        labels=torch.tensor(colours)[:, None],
        prefix=torch.empty(len(sizes), 0, dtype=torch.int64),
    )


def test_gains_of_the_norms_are_part_of_what_is_computed(network: Transformer) -> None:
    tokens, condition = torch.tensor([7, 7, 7, 7]), asked(0.5, 0.1, 0.2, torch.nan)
    before = network.open(condition).step(tokens)
    for name, gain in network.named_parameters():
        if "norm" in name:
            kept = gain.data.clone()
            gain.data = kept * torch.linspace(0.5, 2.0, 16)
            assert (network.open(condition).step(tokens) - before).abs().max() > 1e-4, name
            assert torch.allclose(
                network.open(condition).step(tokens), network(tokens[:, None], condition)[:, 0], atol=1e-5
            )
            gain.data = kept


def test_what_is_asked_for_is_computed_again_only_where_it_changed(network: Transformer) -> None:
    condition = asked(0.5, torch.nan, 0.2, torch.nan)
    stream = network.open(condition)
    with patch.object(network.conditioning, "forward", side_effect=network.conditioning.forward) as computed:
        stream.restart(torch.tensor([True, True, False, True]), condition)
        # Row 2 asks for something else, but goes on.
        stream.restart(torch.tensor([True, True, False, True]), asked(0.5, torch.nan, 0.9, torch.nan))
        assert computed.call_count == 0
        stream.restart(torch.tensor([True, True, False, True]), asked(0.6, torch.nan, 0.2, torch.nan))
        assert computed.call_count == 1


@pytest.mark.parametrize(
    "changed", [asked(0.5, 0.3, 0.9, torch.nan), asked(0.5, 0.3, 0.2, 0.2, colours=(1, 0, -1, -1))]
)
def test_restarted_rows_follow_what_they_are_asked_for_then(network: Transformer, changed: Condition) -> None:
    tokens, rows = torch.tensor([7, 7, 7, 7]), torch.tensor([True, False, True, True])
    stream = network.open(asked(0.5, 0.3, 0.2, torch.nan))
    stream.step(tokens)
    stream.restart(rows, changed)
    assert torch.equal(stream.step(tokens)[rows], network.open(changed).step(tokens)[rows])
    # And what was asked last is what the next change is measured against.
    stream.restart(rows, asked(0.5, 0.3, 0.2, torch.nan))
    assert torch.equal(stream.step(tokens)[rows], network.open(asked(0.5, 0.3, 0.2, torch.nan)).step(tokens)[rows])


def test_a_rotation_turns_halves_as_parts_of_complex_numbers() -> None:
    cosine, sine = rotation(6, 8)
    x = torch.randn(6, 1, 8, generator=torch.Generator().manual_seed(2))
    turned = rotate(x, cosine[:, None], sine[:, None])
    unit = torch.complex(cosine[:, None, :4], sine[:, None, 4:])
    expected = torch.complex(x[..., :4], x[..., 4:]) * unit
    assert torch.allclose(turned, torch.cat((expected.real, expected.imag), -1), atol=1e-6)


def test_weights_in_half_precision_are_computed_in_float32_on_a_cpu(network: Transformer) -> None:
    """Without AMX, products in bfloat16 take twice as long."""
    tokens, condition = torch.tensor([7, 7, 7, 7]), asked(0.5, 0.1, 0.2, torch.nan)
    whole = network.open(condition).step(tokens)
    stream = network.to(torch.bfloat16).open(condition)
    assert stream.step(tokens).dtype == torch.float32
    stream.restart(torch.tensor([True, True, True, True]), asked(0.5, 0.1, 0.7, torch.nan))
    stream.restart(torch.tensor([True, True, True, True]), condition)
    assert (stream.step(tokens) - whole).abs().max() < 0.05 * whole.abs().max()


@pytest.mark.parametrize(("vocabulary", "width", "heads"), [(5, 16, 2), (7, 16, 2), (11, 16, 2), (16, 18, 1)])
@pytest.mark.parametrize("rows", [16, 128])
def test_a_row_s_place_changes_none_of_its_bits_however_narrow_a_product(
    rows: int, vocabulary: int, width: int, heads: int
) -> None:
    """It did on an EPYC with AVX-512: in products of 5, 7 or 11 columns, and in attention of a width of 18."""
    space = Tokens(vocab_size=vocabulary, shape=(48,))
    network = shaken(Transformer(space=space, conditions=ConditionSpace(), width=width, depth=1, heads=heads)).eval()
    tokens = torch.randint(0, vocabulary, (48, rows), generator=torch.Generator().manual_seed(3))
    one, other = network.open(Condition.none(rows)), network.open(Condition.none(rows))
    for row in tokens:
        assert torch.equal(other.step(row.roll(1)), one.step(row).roll(1, 0))


def test_products_and_the_cache_are_in_bfloat16_where_autocast_asks_for_it(network: Transformer) -> None:
    tokens, condition = torch.tensor([7, 3, 1, 0]), asked(0.5, 0.1, 0.2, torch.nan)
    exact, beside = network.open(condition), torch.tensor([2, 2, 5, 6])
    with torch.autocast("cpu", torch.bfloat16):
        rounded = network.open(condition)
        assert {layer.keys.dtype for layer in rounded._layers} == {torch.bfloat16}
        for given in (tokens, beside):
            found, expected = rounded.step(given), exact.step(given)
            assert found.dtype == torch.float32
            error = (found - expected).norm() / expected.norm()
            assert 1e-5 < error < 0.03


def test_a_stream_says_by_what_it_draws(network: Transformer) -> None:
    with kernels.use("reference"), kernels.recorded() as chosen:
        stream = network.open(asked(0.5, 0.1, 0.2, torch.nan))
    assert chosen == {name: ["reference"] for name in ("linear", "rotary_cache", "decode_attention")}
    with kernels.use("reference"):
        expected = stream.step(torch.tensor([7, 7, 7, 7]))
    found = network.open(asked(0.5, 0.1, 0.2, torch.nan)).step(torch.tensor([7, 7, 7, 7]))
    assert torch.allclose(found, expected, atol=1e-5)


def test_a_recorded_step_goes_on_through_restarts_and_other_conditions(network: Transformer) -> None:
    condition, other = asked(0.5, 0.1, 0.2, torch.nan), asked(0.9, 0.1, -1.0, 0.3)
    plain, replayed = network.open(condition), network.open(condition)
    assert replayed.is_steady
    with torch.inference_mode(), kernels.use("reference"):
        plain, replayed = network.open(condition), network.open(condition)
        tokens = torch.tensor([7, 7, 7, 7])
        step = taped(replayed.step, (tokens,))
        for at in range(8):
            assert torch.equal(step((tokens,)), plain.step(tokens)), at
            tokens = (tokens + at) % 7
            if at in (2, 5):
                rows = torch.tensor([True, at == 5, False, False])
                for stream in (plain, replayed):
                    stream.restart(rows, other)


@pytest.mark.parametrize("rows", [1, 16])
def test_kernels_for_processors_draw_what_the_network_gives(rows: int) -> None:
    pytest.importorskip("numba", reason="its loops need numba")
    space = Tokens(vocab_size=30, shape=(20,))
    network = shaken(Transformer(space=space, conditions=ConditionSpace(), width=64, depth=2, heads=2)).eval()
    tokens = torch.randint(0, 30, (rows, 20), generator=torch.Generator().manual_seed(rows))
    with torch.inference_mode(), kernels.recorded() as chosen:
        stream = network.open(Condition.none(rows))
        found = torch.stack([stream.step(column) for column in tokens.T], 1)
        assert torch.allclose(found, network(tokens, Condition.none(rows)), atol=1e-5)
    assert chosen["decode_attention"] == chosen["rotary_cache"] == ["numba"]
    assert chosen["linear"] == ["numba" if rows == 1 else "onednn"]
