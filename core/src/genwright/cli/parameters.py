"""What several commands take: name=value pairs, conditions, a model and where it computes, and where to record."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from genwright.cli.store import store_option
from genwright.domain import Contour, Domain, Offer, Scalar
from genwright.errors import ProofError, UsageError, shown
from genwright.registry import registry

if TYPE_CHECKING:
    from genwright.model import Model

__all__ = [
    "PAIR",
    "Pair",
    "bounds_of",
    "conditions",
    "device_option",
    "limit_option",
    "loaded_model",
    "public_keys",
    "recording_options",
    "strict_option",
    "text_of",
    "values",
]

Command = TypeVar("Command", bound=Callable[..., Any])


class Pair(click.ParamType):  # type: ignore[type-arg]
    """A name and a value, written name=value."""

    name = "name=value"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """Return the name and the text of the value."""
        if isinstance(value, tuple):
            return value
        name, equals, text = str(value).partition("=")
        if not (name.strip() and equals):
            self.fail(f"it is written name=value, such as temperature=0.8; got {value!r}.", param, ctx)
        return name.strip(), text.strip()


PAIR = Pair()


def limit_option(command: Command) -> Command:
    """Give a command --limit, passed to it as `limit`."""
    kind = click.IntRange(0, sys.maxsize - 1)
    return click.option("--limit", type=kind, default=20, show_default=True, help="How many; 0 for all.")(command)


def strict_option(command: Command) -> Command:
    """Give a command the flag --strict, passed to it as `strict`."""
    return click.option("--strict", is_flag=True, help="Stop at a malformed item; do not pass it over.")(command)


def device_option(command: Command) -> Command:
    """Give a command --device, passed to it as `device`."""
    return click.option("--device", default="cpu", show_default=True, help="What computes: cpu or cuda.")(command)


def loaded_model(name: str, device: str) -> Model[Any]:
    """Return the model of a name, a domain, a folder or a digest. Raises as `library.find` and `Model.load` do."""
    # Torch is imported here, so that help and wrong options answer at once.
    from genwright import library
    from genwright.model import Model

    return Model.load(library.find(name, registry()), registry(), device=device)


def values(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return the values by name. Raises UsageError for a name that is given twice."""
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in found:
            raise UsageError(f"{name} is given once; got {found[name]!r} and {value!r}. Leave one of them out.")
        found[name] = value
    return found


def bounds_of(name: str, text: str, *, is_word: bool = False) -> Any:
    """Return the bounds that a text says: LOW..HIGH, either of which may be left out, or one number.

    is_word: whether what is neither is returned as it is

    Raises UsageError for what is neither.
    """
    low, dots, high = text.partition("..")
    try:
        if dots:
            return float(low or "-inf"), float(high or "inf")
        return text if is_word else (float(text), float(text))
    except ValueError:
        if is_word:
            return text
    raise UsageError(f"{name} is asked for as a number or LOW..HIGH; got {shown(text)}. Example: {name}=0.5..1.")


def conditions(pairs: Sequence[tuple[str, str]], domain: Domain[Any]) -> dict[str, Any]:
    """Return what is asked for, written as text; what is no number is left to the model to refuse.

    Numbers of a contour stand between commas, or in a file that is named behind an @.

    Raises UsageError for a file that cannot be read.
    """
    return {name: _asked(domain.conditions.get(name), text) for name, text in values(pairs).items()}


def _asked(offer: Offer | None, text: str) -> float | str | list[float | str]:
    if isinstance(offer, Contour):
        return [_number(one) for one in re.split(r"[\s,]+", _said(text)) if one]
    return _number(text) if isinstance(offer, Scalar) else text


def _said(text: str) -> str:
    """Return a text, or that of the file that it names behind an @."""
    if not text.startswith("@"):
        return text
    try:
        # Spreadsheets write a mark of the encoding before the first number.
        return Path(text[1:]).read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise UsageError(
            f"numbers are read from a text file; {shown(text[1:])} cannot be: {error}. Name another, or write them: "
            "name=1,2,3."
        ) from error


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def recording_options(command: Command) -> Command:
    """Give a command --store and --no-store, passed to it as `where` and `no_store`."""
    return store_option(click.option("--no-store", is_flag=True, help="Record nothing.")(command))


def public_keys(given: Iterable[str]) -> list[str]:
    """Return public keys, each given as it is written, or as a file of one a line; whether they are keys, others say.

    Raises ProofError for a file that is no text, UsageError for what is neither a file nor can be a key.
    """
    return [key for one in given for key in _keys(one)]


def _keys(given: str) -> list[str]:
    if Path(given).is_file():
        return [line for line in text_of(Path(given)).splitlines() if line.strip()]
    if "+" not in given:
        raise UsageError(
            f"a public key is name+id+base64, or a file of such lines; got {shown(given)}, which is no file that is "
            "there. Print the keys of a store with: genwright store keys."
        )
    return [given]


def text_of(file: Path) -> str:
    """Return the text of a file that somebody else wrote. Raises ProofError if it is none."""
    try:
        return file.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise ProofError(f"{file} should be text; it is not. Ask for it again.") from error
