from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from genwright.errors import ConditionError
from genwright.space import Continuous, Tokens
from genwright.testing.encoders import check_encoder

ITEMS = ["x..x..x.", "x.xx.xx.", "xx"]


@pytest.fixture
def parts(rhythms: Path) -> tuple[Any, Any]:
    import genwright_rhythms.domain
    import genwright_rhythms.encoder

    return genwright_rhythms.encoder.Pulses, genwright_rhythms.domain.RhythmsDomain()


def troubles(encoder: Any, domain: Any) -> list[str]:
    return [check.trouble for check in check_encoder(encoder, ITEMS, domain=domain) if check.trouble]


def test_a_good_encoder_passes(parts: tuple[Any, Any]) -> None:
    Pulses, domain = parts
    found = list(check_encoder(Pulses(), ITEMS, domain=domain, of="encoder pulses"))
    assert [check for check in found if check.trouble] == []
    assert len(found) == 8


def test_of_a_lossy_encoder_all_is_checked_but_that_items_come_back(parts: tuple[Any, Any]) -> None:
    Pulses, domain = parts
    lossy = changed("decode", lambda items: [item[:1] for item in items])
    exact = {check.name for check in check_encoder(lossy(Pulses), ITEMS, domain=domain) if check.trouble}
    assert exact == {"decode undoes encode", "decode undoes any spelling"}
    found = list(check_encoder(lossy(Pulses), ITEMS, domain=domain, lossy=True))
    assert [check for check in found if check.trouble] == []
    assert len(found) == 6


def changed(method: str, change: Callable[[Any], Any]) -> Callable[..., Any]:
    """Return the method with its result changed."""

    def broken(Pulses: Any) -> Any:
        original = getattr(Pulses, method)
        return type("Broken", (Pulses,), {method: lambda self, *a, **k: change(original(self, *a, **k))})()

    return broken


def with_property(name: str, value: object) -> Callable[..., Any]:
    return lambda Pulses: type("Broken", (Pulses,), {name: property(lambda self: value)})()


def counting(tensors: Tensor) -> Tensor:
    return tensors.clamp(max=len(tensors))


BROKEN: list[tuple[Callable[..., Any], str]] = [
    (changed("encode", lambda t: t[:, :8]), "encode gives (3, 8)"),
    (changed("encode", lambda t: t.int()), "tokens are int64; encode gives torch.int32"),
    (changed("encode", lambda t: t + 5), "3 tokens; encode gives 5 to 7"),
    (changed("encode", counting), "is encoded otherwise alone"),
    (changed("decode", lambda items: [item[1:] for item in items]), "'x..x..x.' is encoded, '..x..x.' decoded"),
    (changed("decode", lambda items: items[:1]), "rows were decoded to 1 items"),
    (changed("state", lambda state: {"learned": object()}), "it raised TypeError: Object of type object is not JSON"),
    (changed("prefix", lambda cuts: [[9]]), "has tokens out of range: [9]"),
    (changed("prefix", lambda cuts: [[1] * 17]), "has 17 tokens"),
    (changed("prefix", lambda cuts: [[1]]), "'x..x..x.' starts with 'x', but with 0 of its cuts, not 1: [[1]]"),
    (changed("prefix", lambda cuts: [*cuts, cuts[0][:1]]), "starts with 'x', but with 2 of its cuts, not 1"),
    (with_property("augments", False), "it spells items differently, but `augments` is false"),
    (with_property("space", Tokens(vocab_size=2, shape=(16,))), "2 tokens; encode gives"),
]


@pytest.mark.parametrize(("broken", "trouble"), BROKEN)
def test_an_encoder_that_breaks_the_contract_is_told_how(
    parts: tuple[Any, Any], broken: Callable[[Any], Any], trouble: str
) -> None:
    Pulses, domain = parts
    found = troubles(broken(Pulses), domain)
    assert any(trouble in one for one in found), found


def test_an_encoder_that_forgets_what_it_learned_is_told(parts: tuple[Any, Any]) -> None:
    Pulses, domain = parts

    class Forgetful(Pulses):  # type: ignore[misc]
        length = 16

        def fit(self, items: Sequence[str]) -> None:
            self.length = 8

        @property
        def space(self) -> Tokens:
            return Tokens(vocab_size=3, shape=(self.length,), stop=0)

    assert any("once restored" in trouble for trouble in troubles(Forgetful(), domain))


def test_noise_that_is_not_the_samples_own_is_told(parts: tuple[Any, Any]) -> None:
    Pulses, domain = parts

    class Careless(Pulses):  # type: ignore[misc]
        def encode(self, items: Sequence[str], *, noise: Any = None) -> Any:
            turn = int(noise is not None and len(items) == 1)
            return super().encode([item[turn:] + item[:turn] for item in items])

    assert "the spelling of 'x..x..x.' depends on the others" in troubles(Careless(), domain)


def test_an_encoder_of_numbers_has_no_prefix_and_decodes_what_is_not_finite(parts: tuple[Any, Any]) -> None:
    Pulses, domain = parts

    class Levels(Pulses):  # type: ignore[misc]
        space = Continuous(shape=(16,), axes=("L",))
        augments = False

        def encode(self, items: Sequence[str], *, noise: Any = None) -> Any:
            return super().encode(items).float() / 2

        def decode(self, tensors: Any) -> list[str]:
            return super().decode((tensors.nan_to_num() * 2).clamp(0, 2).round().long())  # type: ignore[no-any-return]

        def prefix(self, text: str) -> Sequence[Sequence[int]]:
            raise ConditionError("numbers have no prefix")

    assert troubles(Levels(), domain) == []
    Levels.prefix = lambda self, text: []  # type: ignore[method-assign, assignment]
    assert troubles(Levels(), domain) == ["only tokens have a prefix; it should raise ConditionError"]
    Levels.encode = lambda self, items, noise=None: torch.full((len(items), 16), torch.nan)  # type: ignore[method-assign]
    assert "encode gives numbers that are not finite" in troubles(Levels(), domain)
