"""The options of a component: the keyword-only parameters of what its spec names.

There are no configuration classes. The signature and its annotations give the check, the help and the JSON schema.
"""

from __future__ import annotations

import difflib
import inspect
import re
import types
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin

from genwright.errors import OptionError, shown
from genwright.specs import Spec

__all__ = ["GIVEN", "Option", "check_counts", "checked", "describe", "given_to", "make", "parse"]

GIVEN = frozenset({"space", "conditions", "build", "role", "reading", "registry", "domain"})
"""The parameters that Genwright passes itself and users cannot set."""

# A VAE's latent is an option of the family, which gives it to its networks.
_GIVEN_TO = {
    "backbone": frozenset({"latent"}),
    "sampler": frozenset({"encoder", "inner"}),
    "exporter": frozenset({"store"}),
}


def given_to(kind: str) -> frozenset[str]:
    """Return GIVEN, and what Genwright passes to components of a kind beside that."""
    return GIVEN | _GIVEN_TO.get(kind, frozenset())


def check_counts(**numbers: object) -> None:
    """Raise OptionError if one of these is no whole number from 1 to 2^63 - 1."""
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 2**63:
            raise OptionError(f"{name} is a whole number from 1 to 2^63 - 1; got {shown(value)}.")


@dataclass(frozen=True, kw_only=True)
class Option:
    """One option of a component.

    default: the parameter's own; None also where `required`
    doc:     what the docstring says of it, "" for nothing
    """

    name: str
    type: Any
    default: Any = None
    required: bool = False
    doc: str = ""

    @property
    def words(self) -> str:
        """The type as users read it: "number or none"."""
        return _words(self.type)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON schema of the option."""
        schema = _schema(self.type) | ({"description": self.doc} if self.doc else {})
        return schema if self.required else schema | {"default": self.default}


def describe(target: Callable[..., Any], *, given: Collection[str] = GIVEN) -> list[Option]:
    """Return the options that a component takes, in the order of its signature.

    given: parameters that are no options, since Genwright passes them itself
    """
    docs = _docs(target)
    return [
        Option(
            name=parameter.name,
            type=_resolved(parameter.annotation, target),
            default=None if parameter.default is parameter.empty else parameter.default,
            required=parameter.default is parameter.empty,
            doc=docs.get(parameter.name, ""),
        )
        for parameter in inspect.signature(target).parameters.values()
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.name not in given
    ]


def checked(
    label: str, target: Callable[..., Any], options: Mapping[str, Any], *, given: Collection[str] = GIVEN
) -> dict[str, Any]:
    """Return the options as the target takes them: whole numbers become floats and lists tuples where it asks so.

    label: the component in messages, such as "sampler 'top-p'"

    Raises OptionError for a name that is no option, a value of the wrong type, or a required option that is missing.
    """
    known = {option.name: option for option in describe(target, given=given)}
    result = {}
    for name, value in options.items():
        if name not in known:
            raise OptionError(f"{label} has no option {name!r}. {_offer(name, known)}")
        try:
            result[name] = _converted(value, known[name].type)
        except TypeError:
            raise OptionError(
                f"option {name!r} of {label} takes {known[name].words}; got {value!r}. {_example(known[name])}"
            ) from None
    for option in known.values():
        if option.required and option.name not in result:
            raise OptionError(f"{label} needs option {option.name!r} ({option.words}), which was not given. Add it.")
    return result


def make(spec: Spec, options: Mapping[str, Any], **given: Any) -> Any:
    """Return a component: what the spec names, called with what is given and the checked options.

    Raises OptionError as `checked` does, PluginError if what the spec names cannot be imported.
    """
    target = spec.load()
    return target(
        **given, **checked(f"{spec.kind} {spec.name!r}", target, options, given=given_to(spec.kind) | given.keys())
    )


def parse(
    label: str, target: Callable[..., Any], options: Mapping[str, str], *, given: Collection[str] = GIVEN
) -> dict[str, Any]:
    """Return options written as text, such as {"p": "0.95"}, as `checked` gives them. Raises OptionError likewise."""
    known = {option.name: option for option in describe(target, given=given)}
    values = {name: _read(text, known[name].type) if name in known else text for name, text in options.items()}
    return checked(label, target, values, given=given)


def _converted(value: Any, kind: Any) -> Any:
    """Return the value as `kind`. Raises TypeError if it is none."""
    origin, parts = get_origin(kind), get_args(kind)
    if kind is Any:
        return value
    if origin in _UNIONS:
        return _converted_to_first(value, parts)
    if origin is Literal:
        if any(value == choice and type(value) is type(choice) for choice in parts):
            return value
        raise TypeError
    if origin in (tuple, Mapping):
        return _converted_items(value, parts) if origin is tuple else _converted_values(value, parts[1])
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind is tuple and isinstance(value, list):
        return tuple(value)
    # True is an int to Python, but steps=True is a mistake.
    if isinstance(value, bool) and kind in (int, float):
        raise TypeError
    # What cannot be tested, such as a TypeVar, is left to the component.
    if isinstance(origin or kind, type) and not isinstance(value, origin or kind):
        raise TypeError
    return value


def _converted_to_first(value: Any, kinds: Sequence[Any]) -> Any:
    # An exact match first, so that 1 stays an int for `float | int`.
    for kind in sorted(kinds, key=lambda kind: type(value) is not kind):
        try:
            return _converted(value, kind)
        except TypeError:
            continue
    raise TypeError


def _converted_items(value: Any, kinds: Sequence[Any]) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise TypeError
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        return tuple(_converted(item, kinds[0]) for item in value)
    if len(value) != len(kinds):
        raise TypeError
    return tuple(_converted(item, kind) for item, kind in zip(value, kinds, strict=True))


def _converted_values(value: Any, kind: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError
    return {name: _converted(one, kind) for name, one in value.items()}


def _read(text: str, kind: Any) -> Any:
    """Return what the text spells as `kind`, or the text itself if it spells none."""
    for one in sorted(_members(kind), key=_eagerness):
        try:
            return _read_one(text, one)
        except ValueError:
            continue
    return text


def _read_one(text: str, kind: Any) -> Any:
    if get_origin(kind) is Literal:
        return {str(choice): choice for choice in get_args(kind)}.get(text, text)
    if get_origin(kind) is tuple:
        kinds, texts = get_args(kind), [part.strip() for part in text.split(",") if part.strip()]
        kinds = kinds[:1] * len(texts) if kinds[-1] is Ellipsis else kinds
        return tuple(_read(part, one) for part, one in zip(texts, kinds, strict=True))
    if kind in _SPELLINGS:
        try:
            return _SPELLINGS[kind][text.lower()]
        except KeyError:
            raise ValueError from None
    return kind(text) if kind in (int, float) else text


def _members(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) in _UNIONS else (kind,)


def _eagerness(kind: Any) -> int:
    """Say how late a type is tried on a text: str takes any, float takes what int takes."""
    order = (type(None), bool, int, float)
    return order.index(kind) if kind in order else len(order) + (kind is str)


def _resolved(annotation: Any, target: Callable[..., Any]) -> Any:
    if annotation is inspect.Parameter.empty:
        return Any
    if not isinstance(annotation, str):
        return annotation
    try:
        kind = eval(annotation, getattr(inspect.unwrap(_function(target)), "__globals__", {}))
    except Exception:
        # A name imported for type checkers only: nothing can be said of the value, so nothing is.
        return Any
    return Any if isinstance(kind, str) else kind


def _docs(target: Callable[..., Any]) -> dict[str, str]:
    # What a class inherits comes first, so that its own words for it count.
    parts = [*reversed(target.__mro__[:-1]), _function(target)] if inspect.isclass(target) else [target]
    texts = dict.fromkeys(inspect.getdoc(part) or "" for part in parts)
    return {name: doc for text in texts for names, doc in _documented(text) for name in names}


def _function(target: Any) -> Callable[..., Any]:
    function: Callable[..., Any] = target.__init__ if inspect.isclass(target) else target
    return function


def _documented(text: str) -> Iterator[tuple[list[str], str]]:
    names: list[str] = []
    lines: list[str] = []
    for line in [*text.splitlines(), ""]:
        begun = _DOCUMENTED.fullmatch(line)
        if names and (begun or not line.startswith(" ")):
            yield names, " ".join(lines)
            names, lines = [], []
        if begun:
            names, lines = re.findall(r"\w+", begun[1]), [begun[2]]
        elif names:
            lines.append(line.strip())


def _words(kind: Any) -> str:
    origin, parts = get_origin(kind), get_args(kind)
    if origin in _UNIONS:
        return " or ".join(_words(part) for part in parts)
    if origin is Literal:
        return "one of " + ", ".join(map(repr, parts))
    if origin is tuple and parts[-1] is Ellipsis:
        return f"several values, each {_words(parts[0])}"
    if origin is tuple:
        return "(" + ", ".join(_words(part) for part in parts) + ")"
    if origin is Mapping:
        return f"a table, each value {_words(parts[1])}"
    return _NAMES.get(kind) or str(getattr(kind, "__name__", kind))


def _schema(kind: Any) -> dict[str, Any]:
    origin, parts = get_origin(kind), get_args(kind)
    if origin in _UNIONS:
        return {"anyOf": [_schema(part) for part in parts]}
    if origin is Literal:
        return {"enum": list(parts)}
    if origin is tuple and parts[-1] is Ellipsis:
        return {"type": "array", "items": _schema(parts[0])}
    if origin is tuple:
        return {"type": "array", "prefixItems": [_schema(part) for part in parts]}
    return {"type": _SCHEMAS[kind]} if kind in _SCHEMAS else {}


def _offer(name: str, known: Mapping[str, Option]) -> str:
    if near := difflib.get_close_matches(name, known, n=1, cutoff=0.5):
        return f"Did you mean {near[0]!r}?"
    return f"Its options: {', '.join(known)}." if known else "It takes none."


def _example(option: Option) -> str:
    return "Choose another value." if option.required else f"Its default is {option.default!r}."


_UNIONS = (Union, types.UnionType)
_DOCUMENTED = re.compile(r"(\w+(?:, \w+)*): +(\S.*)")
_SPELLINGS: Mapping[Any, Mapping[str, bool | None]] = {
    bool: {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False},
    type(None): {"none": None, "": None},
}
_NAMES: Mapping[Any, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "text",
    type(None): "none",
    Any: "any value",
}
_SCHEMAS: Mapping[Any, str] = {int: "integer", float: "number", bool: "boolean", str: "string", type(None): "null"}
