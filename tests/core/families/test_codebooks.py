from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from genwright.errors import OptionError
from genwright.families.codebooks import Codebook, Grid, Table
from genwright.seeds import Noise


def noise(rows: int, step: int = 0) -> Noise:
    return Noise(0, step * rows + torch.arange(rows))


def table(entries: list[list[float]]) -> Table:
    made = Table(size=len(entries), width=len(entries[0])).eval()
    made.entries.data.copy_(torch.tensor(entries))
    return made


def test_each_vector_gets_the_nearest_entry() -> None:
    made = table([[0.0, 0.0], [1.0, 0.0], [0.0, 3.0]])
    assert made.nearest(torch.tensor([[0.4, 0.1], [0.6, 0.1], [0.0, 1.6]])).tolist() == [0, 1, 2]
    assert made.vectors(torch.tensor([[2, 1]])).tolist() == [[[0.0, 3.0], [1.0, 0.0]]]


def test_the_nearest_entry_is_found_in_float32_whatever_training_computes_in() -> None:
    made = table([[100.0, 0.0], [100.2, 0.0], [100.4, 0.0]])
    z = torch.tensor([[100.05, 0.0], [100.15, 0.0], [100.35, 0.0]])
    with torch.autocast("cpu", torch.bfloat16):
        assert made.nearest(z).tolist() == [0, 1, 2]


def test_the_cost_draws_entries_to_vectors_and_a_quarter_as_much_vectors_to_entries() -> None:
    made = table([[0.0, 0.0], [4.0, 0.0]])
    z = torch.tensor([[[1.0, 2.0]]], requires_grad=True)
    _, cost = made.quantized(z, noise(1))
    assert cost.tolist() == [1.25 * (1 + 4) / 2]
    cost.sum().backward()
    assert made.entries.grad is not None
    assert made.entries.grad.tolist() == [[-1.0, -2.0], [0.0, 0.0]]
    assert z.grad is not None
    assert z.grad.tolist() == [[[0.25, 0.5]]]


@pytest.mark.parametrize("make", [lambda: table([[0.0, 0.0], [1.0, 1.0]]), lambda: Grid(levels=(2, 5))])
def test_gradients_pass_straight_through(make: Callable[[], Codebook]) -> None:
    made = make()
    z = torch.tensor([[[0.3, -0.2], [0.9, 0.4]]], requires_grad=True)
    found, _ = made.quantized(z, noise(1))
    assert torch.allclose(found, made.vectors(made.nearest(z)))
    found.sum().backward()
    slope = 1 - z.detach().tanh().square() if isinstance(made, Grid) else torch.ones_like(z)
    assert z.grad is not None
    assert torch.allclose(z.grad, slope)


def test_entries_are_first_put_where_vectors_are_and_again_when_they_were_idle_for_long() -> None:
    made = Table(size=4, width=2).train()
    first = torch.arange(40.0).view(4, 5, 2)
    made.quantized(first, noise(4))
    rows = first.flatten(0, 1).tolist()
    placed = made.entries.tolist()
    assert all(entry in rows for entry in placed)
    assert len({tuple(entry) for entry in placed}) == 4
    far = torch.full((4, 5, 2), 1000.0)
    for step in range(99):
        made.quantized(far, noise(4, step))
    kept = [entry in placed for entry in made.entries.tolist()]
    assert all(kept)
    for step in range(3):
        made.quantized(far, noise(4, step))
    assert (made.entries == 1000.0).all(1).sum() == 3


def test_nothing_is_put_elsewhere_unless_it_is_trained() -> None:
    made = table([[0.0, 0.0], [9.0, 9.0]])
    made.quantized(torch.full((2, 3, 2), 5.0), noise(2))
    assert made.entries.tolist() == [[0.0, 0.0], [9.0, 9.0]]
    assert made.idle.tolist() == [100, 100]


def test_training_that_was_interrupted_goes_on_as_if_it_had_not_been() -> None:
    def steps(made: Table, which: range) -> Table:
        for step in which:
            drawn = Noise(5, step * 4 + torch.arange(4)).normal("z", 0, 10).view(4, 5, 2) + step // 30
            made.quantized(drawn, noise(4, step))
        return made

    whole = steps(Table(size=16, width=2).train(), range(240))
    half = steps(Table(size=16, width=2).train(), range(120))
    other = Table(size=16, width=2).train()
    other.load_state_dict(half.state_dict())
    steps(other, range(120, 240))
    assert torch.equal(other.entries, whole.entries)
    assert torch.equal(other.idle, whole.idle)
    assert not torch.equal(half.entries, whole.entries)


@pytest.mark.parametrize("levels", [(2,), (8, 5, 5), (3, 4, 2, 7)])
def test_every_code_of_a_grid_stands_for_itself(levels: tuple[int, ...]) -> None:
    made = Grid(levels=levels)
    codes = torch.arange(made.size)
    vectors = made.vectors(codes)
    assert len({tuple(row) for row in vectors.tolist()}) == made.size
    assert (vectors.amin(0).tolist(), vectors.amax(0).tolist()) == ([-1.0] * len(levels), [1.0] * len(levels))
    # The outermost points are only reached by large numbers.
    assert torch.equal(made.nearest((vectors * 0.999).atanh()), codes)


def test_a_grid_takes_the_nearest_level_of_each_axis() -> None:
    made = Grid(levels=(3, 2))
    z = torch.tensor([[-0.4, 0.1], [-0.6, -0.1], [0.6, 9.0]]).atanh().nan_to_num(9.0)
    assert made.vectors(made.nearest(z)).tolist() == [[0.0, 1.0], [-1.0, -1.0], [1.0, 1.0]]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Table(size=1, width=4), r"2 codes or more, of width 1 or more; got codes=1, width=4\. Try 512 and 16"),
        (lambda: Grid(levels=(8, 1)), r"2 levels or more along each axis; got \(8, 1\)\. Try 8,5,5,5"),
        (lambda: Grid(levels=()), r"got \(\)"),
    ],
)
def test_codebooks_of_nothing_are_refused(make: Callable[[], Codebook], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        make()
