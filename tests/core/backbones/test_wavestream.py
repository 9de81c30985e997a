from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch

from genwright.backbones.wavenet import WaveNet
from genwright.readings import Condition
from genwright.space import ConditionSpace, Tokens
from genwright.testing.networks import shaken
from tests.core.backbones import streams
from tests.core.backbones.streams import started, streamed

CONDITIONS = ConditionSpace(scalars={"size": (0.0, 1.0)}, labels={"colour": ("red", "green")})
FOLLOWED = replace(CONDITIONS, contours={"height": (0.0, 1.0)}, places=5.5)
SPACE = Tokens(vocab_size=21, shape=(70,), stop=20)
SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {"depth": 8, "cycle": 4},
    "kernel": {"depth": 4, "cycle": 2, "kernel": 3},
    "stride": {"depth": 6, "cycle": 3, "stride": 4},
    "far": {"depth": 9, "cycle": 9, "stride": 3},
}
ROWS = 16


@pytest.fixture(params=[(name, contours) for name in SETTINGS for contours in (False, True)], ids=str)
def made(request: pytest.FixtureRequest) -> WaveNet:
    """A network all of whose weights matter, that follows a contour or does not."""
    name, contours = request.param
    conditions = FOLLOWED if contours else CONDITIONS
    network = WaveNet(space=SPACE, conditions=conditions, width=32, skip=32, **SETTINGS[name])
    return shaken(network, by=0.1).eval().requires_grad_(False)


def asked(rows: int, *, seed: int = 6) -> Condition:
    """What is asked of each row, with a contour of its own, which networks that follow none do not see."""
    count = FOLLOWED.values(SPACE)
    contours = torch.randn(rows, 1, count, generator=torch.Generator().manual_seed(seed))
    contours[:, :, count // 2 :][torch.arange(rows) % 4 == 1] = torch.inf
    contours[torch.arange(rows) % 4 == 2] = torch.nan
    return replace(streams.asked(rows, seed=seed), contours=contours)


@pytest.fixture
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


tokens = partial(started, SPACE)


@pytest.mark.parametrize("rows", [1, 5, 16, 40])
def test_a_stream_gives_the_logits_of_the_whole_row(made: WaveNet, rows: int) -> None:
    given, condition = tokens(rows), asked(rows)
    whole = made(given, condition)
    assert whole.std() > 0.1
    assert (streamed(made, given, condition) - whole).abs().max() < 1e-5


def test_in_double_precision_they_are_equal_to_ten_digits(made: WaveNet) -> None:
    made.double()
    condition = asked(3)
    assert condition.contours is not None
    condition = replace(condition, scalars=condition.scalars.double(), contours=condition.contours.double())
    assert (streamed(made, tokens(3), condition) - made(tokens(3), condition)).abs().max() < 1e-10


@pytest.mark.parametrize("after", [1, 8, 23, 30])
def test_restarted_rows_are_as_those_of_a_fresh_stream_and_the_others_go_on(made: WaveNet, after: int) -> None:
    """Wherever they stood, at the begin of a step of the layers or within."""
    given, condition = tokens(ROWS), asked(ROWS)
    other, wanted = tokens(ROWS, seed=8), asked(ROWS, seed=9)
    undisturbed, fresh = streamed(made, given, condition), streamed(made, other, wanted)
    stream, rows = made.open(condition), torch.arange(ROWS) % 3 == 0
    for column in given.T[:after]:
        stream.step(column)
    stream.restart(rows, wanted)
    mixed = torch.where(rows[:, None], other[:, : SPACE.size - after], given[:, after:])
    found = torch.stack([stream.step(column) for column in mixed.T], 1)
    assert torch.equal(found[rows], fresh[rows, : SPACE.size - after])
    assert torch.equal(found[~rows], undisturbed[~rows, after:])


@pytest.mark.parametrize("rows", [1, ROWS])
def test_rows_that_are_all_restarted_draw_a_second_time(made: WaveNet, rows: int) -> None:
    given, condition = tokens(rows), asked(rows)
    stream = made.open(asked(rows, seed=9))
    for column in tokens(rows, seed=8).T[:27]:
        stream.step(column)
    stream.restart(torch.ones(rows, dtype=torch.bool), condition)
    again = torch.stack([stream.step(column) for column in given.T], 1)
    assert torch.equal(again, streamed(made, given, condition))


def test_a_row_has_the_same_bits_wherever_it_lies_and_whatever_its_neighbours(made: WaveNet) -> None:
    given, condition = tokens(2 * ROWS), asked(2 * ROWS)
    alone = streamed(made, given[:1].expand(ROWS, -1), condition[:1].expand(ROWS))
    assert all(torch.equal(row, alone[0]) for row in alone)
    for place in (0, 1, 7, 14, 15):
        neighbours = torch.arange(ROWS, 2 * ROWS)
        neighbours[place] = 0
        assert torch.equal(streamed(made, given[neighbours], condition[neighbours])[place], alone[0])


@pytest.mark.parametrize("rows", [1, ROWS])
@pytest.mark.usefixtures("threads")
def test_a_row_has_the_same_bits_with_one_thread_and_with_two(rows: int) -> None:
    """At the default sizes, which are large enough for products to be shared among threads."""
    made = shaken(WaveNet(space=SPACE, conditions=CONDITIONS, stride=2)).eval().requires_grad_(False)
    torch.set_num_threads(1)
    one = streamed(made, tokens(rows), asked(rows))
    torch.set_num_threads(2)
    assert torch.equal(streamed(made, tokens(rows), asked(rows)), one)
