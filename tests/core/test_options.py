from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import pytest

from genwright.errors import OptionError
from genwright.options import GIVEN, check_counts, checked, describe, given_to, make, parse
from genwright.specs import BackboneSpec, SamplerSpec

if TYPE_CHECKING:
    from nowhere import Unknown  # type: ignore[import-not-found]


class TopP:
    """Draws from the likeliest tokens.

    p:    the share of
          probability kept, 0 to 1
    k, s: limits

    Raises OptionError for a share outside its range.
    """

    def __init__(
        self,
        reading: Any = None,
        *,
        p: float = 0.9,
        k: int | None = None,
        s: float | int = 1,
        mode: Literal["soft", "hard"] = "soft",
        sizes: tuple[int, ...] = (1, 2),
        pair: tuple[int, str] = (1, "a"),
        flag: bool = False,
        name: str = "x",
        odd: Unknown = 3,
        space: Any = None,
    ) -> None:
        self.options = {"p": p, "k": k, "sizes": sizes, "space": space}


LABEL = "sampler 'top-p'"


def test_options_are_the_keyword_only_parameters_that_users_set() -> None:
    assert [option.name for option in describe(TopP)] == ["p", "k", "s", "mode", "sizes", "pair", "flag", "name", "odd"]


def test_the_docstring_says_what_an_option_is() -> None:
    docs = {option.name: option.doc for option in describe(TopP)}
    assert docs["p"] == "the share of probability kept, 0 to 1"
    assert docs["k"] == docs["s"] == "limits"
    assert docs["mode"] == ""


def test_so_does_the_docstring_of_what_a_class_inherits_from_unless_its_own_says_otherwise() -> None:
    class Finer(TopP):
        """Draws more finely.

        k: another limit
        """

    docs = {option.name: option.doc for option in describe(Finer)}
    assert docs["p"] == "the share of probability kept, 0 to 1"
    assert (docs["k"], docs["s"]) == ("another limit", "limits")


def test_options_have_a_json_schema() -> None:
    p, k, s, mode, sizes, pair, *_ = describe(TopP)
    assert p.to_json() == {"type": "number", "description": "the share of probability kept, 0 to 1", "default": 0.9}
    assert k.to_json()["anyOf"] == [{"type": "integer"}, {"type": "null"}]
    assert s.words == "a number or a whole number"
    assert mode.to_json() == {"enum": ["soft", "hard"], "default": "soft"}
    assert sizes.to_json()["items"] == {"type": "integer"}
    assert pair.to_json()["prefixItems"] == [{"type": "integer"}, {"type": "string"}]


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ({"p": 1}, {"p": 1.0}),
        ({"k": 5}, {"k": 5}),
        ({"k": None}, {"k": None}),
        ({"s": 1}, {"s": 1}),
        ({"s": 0.5}, {"s": 0.5}),
        ({"sizes": [1, 2, 3]}, {"sizes": (1, 2, 3)}),
        ({"pair": [1, "b"]}, {"pair": (1, "b")}),
        ({"odd": object}, {"odd": object}),
    ],
)
def test_values_are_taken_as_the_annotation_asks(given: dict[str, Any], taken: dict[str, Any]) -> None:
    result = checked(LABEL, TopP, given)
    assert result == taken
    assert [type(value) for value in result.values()] == [type(value) for value in taken.values()]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"pp": 1}, "sampler 'top-p' has no option 'pp'. Did you mean 'p'?"),
        (
            {"zzzzz": 1},
            "sampler 'top-p' has no option 'zzzzz'. Its options: p, k, s, mode, sizes, pair, flag, name, odd.",
        ),
        ({"p": "x"}, "option 'p' of sampler 'top-p' takes a number; got 'x'. Its default is 0.9."),
        ({"p": True}, "option 'p' of sampler 'top-p' takes a number; got True. Its default is 0.9."),
        ({"k": 2.0}, "option 'k' of sampler 'top-p' takes a whole number or none; got 2.0. Its default is None."),
        ({"flag": 1}, "option 'flag' of sampler 'top-p' takes true or false; got 1. Its default is False."),
        ({"name": 1}, "option 'name' of sampler 'top-p' takes text; got 1. Its default is 'x'."),
        (
            {"mode": "c"},
            "option 'mode' of sampler 'top-p' takes one of 'soft', 'hard'; got 'c'. Its default is 'soft'.",
        ),
        (
            {"sizes": (1, "a")},
            "option 'sizes' of sampler 'top-p' takes several values, each a whole number; got (1, 'a'). "
            "Its default is (1, 2).",
        ),
        (
            {"pair": (1,)},
            "option 'pair' of sampler 'top-p' takes (a whole number, text); got (1,). Its default is (1, 'a').",
        ),
        ({"space": 1}, "sampler 'top-p' has no option 'space'. Its options: p, k"),
    ],
)
def test_a_wrong_option_is_told_what_would_do(given: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError) as caught:
        checked(LABEL, TopP, given)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ({"p": "0.95"}, 0.95),
        ({"p": "1"}, 1.0),
        ({"k": "5"}, 5),
        ({"k": "none"}, None),
        ({"s": "2"}, 2),
        ({"s": "2.5"}, 2.5),
        ({"mode": "hard"}, "hard"),
        ({"sizes": "3, 4,5"}, (3, 4, 5)),
        ({"pair": "3,x"}, (3, "x")),
        ({"flag": "Yes"}, True),
        ({"flag": "false"}, False),
        ({"name": "12"}, "12"),
        ({"odd": "as it is"}, "as it is"),
    ],
)
def test_text_of_the_command_line_becomes_a_value(text: dict[str, str], value: object) -> None:
    (parsed,) = parse(LABEL, TopP, text).values()
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize("text", [{"p": "half"}, {"k": "1.5"}, {"flag": "perhaps"}, {"sizes": "1,b"}, {"pair": "1"}])
def test_text_that_spells_no_value_is_refused(text: dict[str, str]) -> None:
    (wrong,) = text.values()
    with pytest.raises(OptionError, match=rf"takes .*; got .*{wrong[-1]}"):
        parse(LABEL, TopP, text)


def test_a_component_without_options_says_so() -> None:
    with pytest.raises(OptionError, match=r"metric 'x' has no option 'y'\. It takes none\."):
        checked("metric 'x'", lambda: None, {"y": 1})


def test_a_required_option_must_be_given() -> None:
    def needy(*, size: int) -> None: ...

    assert checked("encoder 'x'", needy, {"size": 3}) == {"size": 3}
    with pytest.raises(OptionError, match=r"encoder 'x' needs option 'size' \(a whole number\), which was not given"):
        checked("encoder 'x'", needy, {})


@dataclass(frozen=True, kw_only=True)
class Plain:
    """A data class.

    steps: how many
    """

    steps: int = 3


def test_the_fields_of_a_data_class_are_options() -> None:
    (steps,) = describe(Plain)
    assert (steps.name, steps.type, steps.default, steps.doc) == ("steps", int, 3, "how many")


class Network:
    def __init__(self, *, latent: tuple[int, ...] = (), width: int = 8) -> None:
        self.latent = latent


def test_a_component_is_made_with_what_is_given_and_the_options() -> None:
    spec = SamplerSpec(name="top-p", target=f"{__name__}:TopP", summary="", reads="next-token")
    assert make(spec, {"p": 1}, space="s").options == {"p": 1.0, "k": None, "sizes": (1, 2), "space": "s"}


def test_what_a_family_gives_its_networks_is_no_option_of_theirs_whatever_the_role() -> None:
    """A denoiser, which is given no latent, once took one and passed it over."""
    spec = BackboneSpec(name="dense", target=f"{__name__}:Network", summary="", spaces=(), roles=())
    with pytest.raises(OptionError, match=r"backbone 'dense' has no option 'latent'\. Its options: width\."):
        make(spec, {"latent": (3,)})
    assert make(spec, {"width": 4}, latent=(3,)).latent == (3,)


def test_what_is_given_depends_on_the_kind() -> None:
    assert given_to("backbone") == GIVEN | {"latent"}
    assert given_to("sampler") == GIVEN | {"encoder", "inner"}
    assert given_to("family") == GIVEN


def test_what_is_given_is_no_option() -> None:
    spec = SamplerSpec(name="top-p", target=f"{__name__}:TopP", summary="", reads="next-token")
    with pytest.raises(OptionError, match="sampler 'top-p' has no option 'k'"):
        make(spec, {"k": 1}, k=2)


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "3", None, 2**63])
def test_a_count_is_a_whole_number_from_one(value: object) -> None:
    check_counts(n=1, rows=2**63 - 1)
    with pytest.raises(OptionError, match=rf"^rows is a whole number from 1 to 2\^63 - 1; got {value!r}\.$"):
        check_counts(n=1, rows=value)
