from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import Tensor

from genwright.backbones.transformer import Transformer, rotation
from genwright.errors import OptionError
from genwright.kernels.rotary_cache.reference import rotate
from genwright.readings import Condition
from genwright.space import ConditionSpace, Tokens
from genwright.testing.networks import shaken

SPACE = Tokens(vocab_size=11, shape=(20,), stop=0)
CONDITIONS = ConditionSpace(scalars={"size": (2.0, 3.0)}, labels={"colour": ("red", "green")})
SHAPES: list[dict[str, Any]] = [
    {"width": 32, "depth": 2, "heads": 4},
    {"width": 32, "depth": 1, "heads": 4, "shared": 4, "activation": "swiglu"},
    {"width": 48, "depth": 3, "heads": 6, "shared": 3, "expansion": 2},
]
ROWS = 128


def network(**options: Any) -> Transformer:
    """A network all of whose weights matter; those that end a block begin at zero."""
    return shaken(Transformer(space=SPACE, conditions=CONDITIONS, **options), by=0.3).eval().requires_grad_(False)


def condition(rows: int) -> Condition:
    generator = torch.Generator().manual_seed(6)
    scalars = torch.randn(rows, 1, generator=generator) * 3
    scalars[::3] = torch.nan
    labels = torch.randint(-1, 2, (rows, 1), generator=generator)
    return Condition(scalars=scalars, labels=labels, prefix=torch.empty(rows, 0, dtype=torch.int64))


def sequences(rows: int) -> Tensor:
    """Rows of tokens that begin with the start token, one position for each of the space's."""
    tokens = torch.randint(0, 11, (rows, 20), generator=torch.Generator().manual_seed(7))
    tokens[:, 0] = SPACE.vocab_size
    return tokens


def streamed(made: Transformer, tokens: Tensor, asked: Condition) -> Tensor:
    stream = made.open(asked)
    return torch.stack([stream.step(column) for column in tokens.T], 1)


@pytest.fixture(params=SHAPES, ids=["plain", "one-key-swiglu", "grouped"])
def made(request: pytest.FixtureRequest) -> Transformer:
    return network(**request.param)


def test_a_stream_gives_the_logits_of_the_whole_sequence(made: Transformer) -> None:
    tokens, asked = sequences(6), condition(6)
    whole = made(tokens, asked)
    assert whole.shape == (6, 20, 11)
    assert whole.std() > 0.1
    assert (streamed(made, tokens, asked) - whole).abs().max() < 1e-5


def test_logits_depend_on_no_later_token_and_on_every_earlier_one(made: Transformer) -> None:
    tokens, asked = sequences(1), condition(1)
    before = made(tokens, asked)
    for place in (1, 7, 19):
        changed = tokens.clone()
        changed[0, place] = (tokens[0, place] + 1) % 11
        after = made(changed, asked)
        assert torch.equal(after[:, :place], before[:, :place])
        assert (after[:, place:] - before[:, place:]).abs().amax(-1).min() > 1e-6


def test_dropout_is_of_training_alone_and_the_same_along_a_row() -> None:
    thinned, whole = network(**SHAPES[0], dropout=0.5), network(**SHAPES[0])
    thinned.load_state_dict(whole.state_dict())
    tokens, asked = sequences(4), condition(4)
    assert torch.equal(thinned(tokens, asked), whole(tokens, asked))
    block, x = thinned.blocks[0].train(), torch.ones(64, 20, 32)
    lost = block._thinned(x) == 0
    assert torch.equal(lost, lost[:, :1].expand(64, 20, 32))
    assert 0.45 < lost[:, 0].float().mean() < 0.55


def test_a_row_that_is_restarted_is_as_one_of_a_fresh_stream(made: Transformer) -> None:
    tokens, asked = sequences(ROWS), condition(ROWS)
    fresh = streamed(made, tokens, asked)
    rows = torch.arange(ROWS) % 3 == 0
    stream = made.open(condition(2 * ROWS)[slice(ROWS, None)])
    for column in sequences(2 * ROWS)[ROWS:, :13].T:
        stream.step(column)
    stream.restart(rows, asked)
    again = torch.stack([stream.step(column) for column in tokens.T], 1)
    assert torch.equal(again[rows], fresh[rows])


def test_rows_that_are_not_restarted_go_on_undisturbed(made: Transformer) -> None:
    tokens, asked = sequences(ROWS), condition(ROWS)
    undisturbed = streamed(made, tokens, asked)
    stream = made.open(asked)
    for column in tokens.T[:9]:
        stream.step(column)
    rows = torch.arange(ROWS) % 2 == 0
    stream.restart(rows, condition(ROWS))
    rest = torch.stack([stream.step(column) for column in tokens.T[9:]], 1)
    assert torch.equal(rest[~rows], undisturbed[~rows, 9:])


def test_a_row_has_the_same_bits_wherever_it_lies_and_whatever_its_neighbours(made: Transformer) -> None:
    tokens, asked = sequences(2 * ROWS), condition(2 * ROWS)
    alone = streamed(made, tokens[:1].expand(ROWS, -1), asked[:1].expand(ROWS))
    assert all(torch.equal(row, alone[0]) for row in alone)
    for place in (0, 1, 63, 126, 127):
        neighbours = torch.arange(ROWS, 2 * ROWS)
        neighbours[place] = 0
        assert torch.equal(streamed(made, tokens[neighbours], asked[neighbours])[place], alone[0])


def test_a_row_beside_padding_has_the_same_bits(made: Transformer) -> None:
    tokens, asked = sequences(ROWS), condition(ROWS)
    padded = torch.arange(ROWS).clamp(max=4)
    assert torch.equal(
        streamed(made, tokens[padded], asked[padded])[:5],
        streamed(made, tokens, asked)[:5],
    )


def test_what_is_asked_for_changes_the_logits(made: Transformer) -> None:
    tokens = sequences(4)
    nothing = Condition.none(4, scalars=1, labels=1)
    scalar = Condition(scalars=torch.full((4, 1), 5.0), labels=nothing.labels, prefix=nothing.prefix)
    label = Condition(scalars=nothing.scalars, labels=torch.zeros_like(nothing.labels), prefix=nothing.prefix)
    logits = [made(tokens, asked) for asked in (nothing, scalar, label)]
    assert (logits[0] - logits[1]).abs().max() > 1e-3
    assert (logits[0] - logits[2]).abs().max() > 1e-3
    assert (logits[1] - logits[2]).abs().max() > 1e-3


@pytest.mark.parametrize("part", range(4), ids=["scale", "shift", "scale-feed", "shift-feed"])
def test_what_is_asked_for_modulates_both_parts_of_a_block(made: Transformer, part: int) -> None:
    tokens, asked = sequences(4), condition(4)
    before = made(tokens, asked)
    made.modulation.linear.weight.chunk(4)[part].zero_()
    after = made(tokens, asked)
    assert (after - before).abs().max() > 1e-4
    assert (streamed(made, tokens, asked) - after).abs().max() < 1e-5


def test_where_nothing_can_be_asked_for_there_are_no_weights_for_it() -> None:
    made = Transformer(space=SPACE, conditions=ConditionSpace(), width=32, depth=2, heads=4)
    assert not any("modulation" in name for name, _ in made.named_parameters())
    tokens, nothing = sequences(3), Condition.none(3)
    assert (streamed(made, tokens, nothing) - made(tokens, nothing)).abs().max() < 1e-5


@pytest.mark.parametrize(("shared", "kept"), [(1, 4), (2, 2), (4, 1)])
def test_attention_is_what_its_definition_says(shared: int, kept: int) -> None:
    """Head n of the queries looks at head n // shared of the keys and values."""
    attention = network(width=32, depth=1, heads=4, shared=shared).blocks[0].attention
    x = torch.randn(1, 5, 32, generator=torch.Generator().manual_seed(8))
    cosine, sine = rotation(5, 8)
    heads = attention.inward(x)[0].view(5, 4 + 2 * kept, 8)
    unit = heads / heads.square().mean(-1, keepdim=True).sqrt()
    q, k, v = unit[:, :4], unit[:, 4 : 4 + kept], heads[:, 4 + kept :]
    gathered = torch.zeros(5, 4, 8)
    for n in range(4):
        turned = [rotate(part[:, None], cosine[:, None], sine[:, None])[:, 0] for part in (q[:, n], k[:, n // shared])]
        scores = turned[0] @ turned[1].T / 8**0.5
        scores = scores.masked_fill(torch.ones(5, 5).triu(1).bool(), -torch.inf)
        gathered[:, n] = scores.softmax(-1) @ v[:, n // shared]
    expected = attention.outward(gathered.flatten(1))
    assert torch.allclose(attention(x, cosine, sine)[0], expected, atol=1e-5)


def test_a_new_network_predicts_from_the_last_token_alone() -> None:
    """The last matrix of each part begins at zero, so that a deep network trains from the start."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = Transformer(space=SPACE, conditions=ConditionSpace(), width=32, depth=2, heads=4)
    tokens = torch.tensor([[11, 3, 5], [11, 4, 5]])
    first, second = made(tokens, Condition.none(2))
    assert torch.equal(first[2], second[2])


def test_a_rotation_keeps_lengths_and_turns_by_the_difference_of_positions() -> None:
    cosine, sine = rotation(30, 8)
    q, k = torch.randn(2, 1, 1, 8, generator=torch.Generator().manual_seed(1)).double()
    turned = [(rotate(q, c, s), rotate(k, c, s)) for c, s in zip(cosine.double(), sine.double(), strict=True)]
    assert all(torch.allclose(a.norm(), q.norm(), atol=1e-6) for a, _ in turned)
    scores = [float((turned[at][0] * turned[at + 4][1]).sum()) for at in range(0, 26, 5)]
    assert max(scores) - min(scores) < 1e-5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": 30, "heads": 4}, "got width=30, heads=4, shared=1"),
        ({"width": 12, "heads": 4}, "got width=12, heads=4, shared=1"),
        ({"width": 32, "heads": 4, "shared": 3}, "heads a multiple of shared; got width=32, heads=4, shared=3"),
        ({"heads": 0}, "a transformer's heads is 1 or more; got 0"),
        ({"shared": 0}, "a transformer's shared is 1 or more; got 0"),
        ({"depth": 0}, "a transformer's depth is 1 or more; got 0"),
        ({"width": -8}, "a transformer's width is 1 or more; got -8"),
        ({"expansion": 0}, "a transformer's expansion is 1 or more; got 0"),
        ({"dropout": 1.0}, "a transformer's dropout is from 0 to below 1; got 1.0"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(options: dict[str, int], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        Transformer(space=SPACE, conditions=CONDITIONS, **options)


TRACED = """
import torch
from genwright.backbones.transformer import Transformer
from genwright.space import ConditionSpace, Tokens
from genwright.testing.networks import asked, shaken

conditions = ConditionSpace(scalars={"size": (0.0, 1.0)}, labels={"colour": ("red", "green")})
space = Tokens(vocab_size=9, shape=(12,))
network = shaken(Transformer(space=space, conditions=conditions, width=32, depth=1, heads=4, shared=2)).eval()
tokens = torch.arange(24).view(2, 12) % 9
traced = torch.compile(network, backend="eager", fullgraph=True)
assert torch.equal(traced(tokens, asked()), network(tokens, asked()))
"""


def test_a_compiler_traces_a_network_as_one_graph_through_the_choice_of_kernels() -> None:
    # In a process of its own, since it cannot trace what checks shapes here.
    done = subprocess.run([sys.executable, "-c", TRACED], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
