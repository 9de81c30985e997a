from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch

from genwright.errors import ConditionError, DataError, OptionError
from genwright.items import empty, encoded_item, encoded_items, flaws, known_condition, taken
from genwright.model import Model
from genwright.space import Continuous, SampleSpace, Tokens


def test_items_are_encoded_as_their_encoder_does(toy_model: Model[str]) -> None:
    found = encoded_items(toy_model.encoder, ["abc", "da"])
    assert torch.equal(found, toy_model.encoder.encode(["abc", "da"]))
    assert torch.equal(encoded_item(toy_model.encoder, "da"), found[1])


def test_an_item_that_has_no_tensor_is_told_by_its_number(toy_model: Model[str]) -> None:
    """A batch was once refused without a word on which item it was."""
    with pytest.raises(DataError, match=r"^item 1: 'xyz' has more than 8 letters, or others"):
        encoded_items(toy_model.encoder, ["ab", "xyz", "zzz"])


@pytest.mark.parametrize(("item", "came"), [(7, "got 7, of type int"), (None, "got None, of type NoneType")])
def test_what_is_no_item_of_the_domain_is_told_by_its_number(toy_model: Model[str], item: Any, came: str) -> None:
    """It once came out as whatever Python says of it, such as an AttributeError."""
    with pytest.raises(OptionError, match=rf"^item 2: .* an item of the model's domain, .*; {came}\. Read the item"):
        encoded_items(toy_model.encoder, ["ab", "bc", item])
    with pytest.raises(OptionError, match=r"^what a model is given is an item of the model's domain"):
        encoded_item(toy_model.encoder, item)


def test_what_fails_for_items_together_and_for_none_alone_is_not_hidden(
    toy_model: Model[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    encode = type(toy_model.encoder).encode

    def alone(encoder: Any, items: Sequence[str], **options: Any) -> Any:
        if len(items) > 1:
            raise ValueError("a fault of the encoder")
        return encode(encoder, items)

    monkeypatch.setattr(type(toy_model.encoder), "encode", alone)
    with pytest.raises(ValueError, match="a fault of the encoder"):
        encoded_items(toy_model.encoder, ["ab", "bc"])


def test_of_some_items_those_that_are_taken_have_tensors_and_the_others_a_reason(toy_model: Model[str]) -> None:
    x, refusals = taken(toy_model.encoder, ["ab", "xyz", "bc"])
    assert torch.equal(x, toy_model.encoder.encode(["ab", "bc"]))
    assert [refusal is None for refusal in refusals] == [True, False, True]
    assert "'xyz' has more than 8 letters" in str(refusals[1])
    assert taken(toy_model.encoder, ["ab"])[1] == [None]
    assert len(taken(toy_model.encoder, ["xyz"])[0]) == 0


def test_a_flaw_comes_before_what_the_encoder_says(toy_model: Model[str], monkeypatch: pytest.MonkeyPatch) -> None:
    found = flaws(toy_model, ["ab", "acac", "xyz"])
    assert found == [None, "'acac' is no round.", "'xyz' is no round."]
    monkeypatch.setattr(type(toy_model.domain), "check", lambda domain, item: None)
    found = flaws(toy_model, ["xyz", "ab"])
    assert "'xyz' has more than 8 letters" in str(found[0])
    assert found[1] is None


@pytest.mark.parametrize(
    ("space", "dtype"),
    [
        (Tokens(vocab_size=3, shape=(2, 4)), torch.int64),
        (Continuous(shape=(2, 4), axes=("C", "X")), torch.float32),
    ],
)
def test_no_item_has_no_row_and_the_shape_of_any(space: SampleSpace, dtype: torch.dtype) -> None:
    assert empty(space).shape == (0, 2, 4)
    assert empty(space).dtype == dtype


def test_items_are_known_to_be_what_can_be_asked_for_but_begin_with_no_start(toy_model: Model[str]) -> None:
    assert len(known_condition(toy_model, {"letters": 3})) == 1
    wanted = r"depends on no start, since only what is drawn begins with one; got start='ab'\. Leave start out\.$"
    with pytest.raises(ConditionError, match=wanted):
        known_condition(toy_model, {"letters": 3, "start": "ab"})
