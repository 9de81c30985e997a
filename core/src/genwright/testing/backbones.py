"""What must hold of a backbone, in each role that it can serve."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, cast, final

import torch
from torch import Tensor, nn

from genwright.errors import MismatchError, OptionError
from genwright.readings import Condition, Stream
from genwright.seeds import Noise, seeded_torch
from genwright.space import WORDS, ConditionSpace, Continuous, SampleSpace, Tokens
from genwright.specs import Role, Space
from genwright.testing.check import Check, checks, require
from genwright.testing.networks import shaken

__all__ = ["SPACES", "check_backbone", "check_roles"]

# A multiple of 16, since in batches of other sizes matrix products give a row other bits by its place; and none of 32,
# which would hide what `_TAILED` do.
_ROWS = 16
_DRAWS = 2
_CLOSE = 1e-3
_TAILED = "sigmoid, silu, softplus, gelu (tanh), elu, mish, glu, pow"
_ADVICE = (
    f"PyTorch computes the last elements of an array otherwise than the rest in {_TAILED}, on a CPU, unless 32 divides "
    "how many there are: choose widths that are multiples of 32, or write the function with exp. Of "
    "matrix products with fewer than 12 columns it computes some rows otherwise: pad the weights to 16, cut the result"
)
_LATENT = (6,)
_CONDITIONS = ConditionSpace(
    scalars={"size": (0.0, 1.0)}, labels={"kind": ("a", "b", "c")}, texts={"caption": ("red", "green", "blue")}
)
# Of the spaces below, some have a last value that is cut short.
_CONTOURS = replace(_CONDITIONS, contours={"height": (0.0, 1.0)}, places=2.5)
_KINDS: Mapping[Role, Space] = {"causal": "tokens", "unmask": "tokens", "denoise": "continuous"}

SPACES: tuple[SampleSpace, ...] = (
    Continuous(shape=(5,), axes=("X",)),
    Continuous(shape=(2, 12), axes=("C", "X")),
    Continuous(shape=(1, 12, 12), axes=("C", "Y", "X")),
    Tokens(vocab_size=7, shape=(7,)),
    Tokens(vocab_size=7, shape=(4, 4)),
)
"""Small spaces of vectors, signals, images, texts and images of tokens."""


def check_backbone(
    target: Callable[..., nn.Module], *, role: Role, space: SampleSpace, contours: bool = False, of: str = ""
) -> Iterator[Check]:
    """Check that a backbone keeps its contract in a role.

    target:   makes it, as `Role` says
    contours: whether it is to follow a contour
    of:       what to call the backbone in the names of the checks
    """
    facts = {**_FACTS, **_FACTS_OF.get(role, {}), **(_FACTS_OF_CONTOURS if contours else {})}
    return checks(facts, _Served(target=target, role=role, space=space, contours=contours), of=of)


def check_roles(
    target: Callable[..., nn.Module],
    *,
    roles: tuple[Role, ...],
    spaces: tuple[Space, ...],
    contours: bool = False,
    of: str = "",
) -> Iterator[Check]:
    """Check a backbone in all its roles, on those of `SPACES` that it takes: of each kind, at least one."""
    for role in roles:
        for kind in spaces:
            if _KINDS.get(role, kind) == kind:
                served = [
                    _Served(target=target, role=role, space=s, contours=contours) for s in SPACES if s.kind == kind
                ]
                yield from _check_kind(served, kind, of=f"{of}, {role}" if of else role)


def _check_kind(served: Sequence[_Served], kind: Space, *, of: str) -> Iterator[Check]:
    refusals = [one.refusal for one in served]
    for one, refusal in zip(served, refusals, strict=True):
        if refusal is None:
            yield from check_backbone(
                one.target,
                role=one.role,
                space=one.space,
                contours=one.contours,
                of=f"{of}, {kind} of {one.space.shape}",
            )
    if None not in refusals:
        yield Check(name=f"{of}: it takes some space of {kind}", trouble=refusals[-1])


@final
@dataclass(frozen=True, kw_only=True)
class _Given:
    """What a network is called with."""

    x: Tensor
    level: tuple[Tensor, ...]
    condition: Condition

    def __getitem__(self, rows: Tensor | slice) -> _Given:
        return _Given(x=self.x[rows], level=tuple(one[rows] for one in self.level), condition=self.condition[rows])


@final
@dataclass(frozen=True, kw_only=True)
class _Served:
    """A backbone in a role."""

    target: Callable[..., nn.Module]
    role: Role
    space: SampleSpace
    contours: bool = False

    @property
    def conditions(self) -> ConditionSpace:
        """What can be asked for."""
        return _CONTOURS if self.contours else _CONDITIONS

    def made(self) -> nn.Module:
        """Return the network as a family is given it."""
        parameters = inspect.signature(self.target).parameters
        given: dict[str, Any] = {"role": self.role} if "role" in parameters else {}
        if self.role in ("generator", "posterior"):
            given["latent"] = _LATENT
        with seeded_torch(0):
            return self.target(space=self.space, conditions=self.conditions, **given)

    @property
    def refusal(self) -> str | None:
        """Why the backbone does not take the space; None if it does, or raises what the checks tell better."""
        try:
            self.made()
        except (MismatchError, OptionError) as error:
            return str(error)
        except Exception:
            return None
        return None

    @cached_property
    def network(self) -> nn.Module:
        """The network, of which every weight matters."""
        return shaken(self.made()).eval()

    @property
    def shape(self) -> tuple[int, ...]:
        """What the network gives of a row."""
        logits = (self.space.vocab_size,) if isinstance(self.space, Tokens) else ()
        shapes: Mapping[Role, tuple[int, ...]] = {
            "causal": (self.space.size, *logits),
            "posterior": _LATENT,
            "critic": (),
        }
        return shapes.get(self.role, (*self.space.shape, *logits))

    def given(self, seed: int, rows: int = _ROWS) -> _Given:
        """Return rows to call it with."""
        noise = Noise(seed, torch.arange(rows))
        labels = [noise.bits("kind", 0, 1) % 4 - 1, noise.bits("caption", 0, WORDS) % 4 - 1]
        return _Given(
            x=self._x(noise),
            level=(noise.normal("level", 0, 1)[:, 0],) if self.role == "denoise" else (),
            condition=Condition(
                scalars=noise.normal("size", 0, 1),
                labels=torch.cat(labels, 1),
                prefix=torch.empty(rows, 0, dtype=torch.int64),
                contours=self._heights(noise) if self.contours else None,
            ),
        )

    def _heights(self, noise: Noise) -> Tensor:
        """Return a contour for each row; one value in four asks for nothing, and one in four is after the end."""
        count = self.conditions.values(self.space)
        heights, kinds = noise.normal("height", 0, count)[:, None], noise.bits("asked", 0, count)[:, None] % 4
        return heights.masked_fill(kinds == 0, torch.nan).masked_fill(kinds == 1, torch.inf)

    def _x(self, noise: Noise) -> Tensor:
        shape = _LATENT if self.role == "generator" else self.space.shape
        if self.role == "generator" or not isinstance(self.space, Tokens):
            return noise.normal("x", 0, math.prod(shape)).view(-1, *shape)
        tokens = noise.bits("x", 0, self.space.size) % (self.space.vocab_size + (self.role == "unmask"))
        if self.role != "causal":
            return tokens.view(-1, *shape)
        start = torch.full((len(noise), 1), cast(int, self.network.start))
        return torch.cat((start, tokens[:, :-1]), 1)

    @torch.inference_mode()
    def result(self, given: _Given) -> Tensor:
        """Return what the network gives."""
        return cast(Tensor, self.network(given.x, *given.level, given.condition))

    @torch.inference_mode()
    def streamed(self, given: _Given) -> Tensor:
        """Return the same, token by token."""
        stream = self.opened(given)
        return torch.stack([stream.step(tokens) for tokens in given.x.T], 1)

    def opened(self, given: _Given) -> Stream:
        """Return the stream of a network that serves as causal."""
        return cast(Stream, self.network.open(given.condition))  # type: ignore[operator]


def _shaped(served: _Served) -> None:
    found = served.result(served.given(1))
    wanted = (_ROWS, *served.shape)
    require(found.shape == wanted, f"it gives {wanted} in this role; got {tuple(found.shape)}")
    require(found.is_floating_point() and bool(found.isfinite().all()), "it gives finite numbers; got others")


def _repeated(served: _Served) -> None:
    given = served.given(1)
    require(torch.equal(served.result(given), served.result(given)), "the same input gives something else again")


def _independent(served: _Served) -> None:
    given = served.given(1, 2 * _ROWS)
    whole = served.result(given[:_ROWS])
    for row in (0, _ROWS // 2, _ROWS - 1):
        places = torch.arange(_ROWS, 2 * _ROWS)
        places[row] = row
        require(torch.equal(served.result(given[places])[row], whole[row]), f"row {row} is another beside other rows")


def _placed(served: _Served) -> None:
    for seed in range(_DRAWS):
        given = served.given(seed)
        _check_places(served.result(given), lambda places, given=given: served.result(given[places]))  # type: ignore[misc]


def _check_places(
    whole: Tensor, result: Callable[[Tensor], Tensor], *, shifts: tuple[int, ...] = (1, 3, _ROWS // 2, _ROWS - 1)
) -> None:
    for shift in shifts:
        places = torch.arange(_ROWS).roll(shift)
        moved = (result(places) != whole[places]).reshape(_ROWS, -1).any(1).nonzero()[:, 0].tolist()
        require(not moved, f"rows {[int(places[at]) for at in moved]} have other bits in places {moved}. {_ADVICE}")


def _sized(served: _Served) -> None:
    given = served.given(1)
    whole = served.result(given)
    for count in (1, 5):
        _check_close(served.result(given[:count]), whole[:count], f"in a batch of {count}, rows are others")


def _asked(served: _Served) -> None:
    given = served.given(1)
    unasked = replace(given, condition=Condition.none(_ROWS, scalars=1, labels=_CONDITIONS.columns))
    require(not torch.equal(served.result(given), served.result(unasked)), "it gives the same whatever is asked for")


def _followed(served: _Served) -> None:
    given = served.given(1)
    assert given.condition.contours is not None
    for place in range(given.condition.contours.shape[2]):
        contours = given.condition.contours.clone()
        contours[:, :, place] = torch.where(contours[:, :, place].isnan(), 1.0, torch.nan)
        other = replace(given, condition=replace(given.condition, contours=contours))
        require(
            not torch.equal(served.result(given), served.result(other)), f"value {place} of a contour changes nothing"
        )


def _levelled(served: _Served) -> None:
    given = served.given(1)
    other = replace(given, level=tuple(level + 1 for level in given.level))
    require(not torch.equal(served.result(given), served.result(other)), "it gives the same at every level of noise")


def _causal(served: _Served) -> None:
    given, half = served.given(1), served.space.size // 2
    later = torch.where(torch.arange(served.space.size) < half, given.x, served.given(2).x)
    before, after = served.result(given), served.result(replace(given, x=later))
    _check_close(after[:, :half], before[:, :half], "a token changes the logits of those before it")


def _streamed(served: _Served) -> None:
    given = served.given(1)
    _check_close(served.streamed(given), served.result(given), "token by token it gives other logits")


def _stream_placed(served: _Served) -> None:
    given = served.given(1)
    _check_places(served.streamed(given), lambda places: served.streamed(given[places]), shifts=(1, _ROWS // 2))


@torch.inference_mode()
def _restarted(served: _Served) -> None:
    given, begun = served.given(1), torch.arange(_ROWS) % 2 == 0
    whole, stream = served.streamed(given), served.opened(given)
    for tokens in given.x.T[:3]:
        stream.step(tokens)
    stream.restart(begun, given.condition)
    found = stream.step(torch.where(begun, given.x[:, 0], given.x[:, 3]))
    wanted = torch.where(begun[:, None], whole[:, 0], whole[:, 3])
    changed = (found != wanted).any(1)
    require(not bool(changed[begun].any()), "a row begun anew is not as it was at first")
    require(not bool(changed[~begun].any()), "a row is another where the one beside it was begun anew")


def _check_close(found: Tensor, wanted: Tensor, trouble: str) -> None:
    require(found.shape == wanted.shape, f"{trouble}: of shape {tuple(found.shape)}, not {tuple(wanted.shape)}")
    scale = float(wanted.abs().max())
    farthest = float((found - wanted).abs().max())
    require(farthest <= _CLOSE * scale, f"{trouble}: by {farthest:.2g}, where the largest is {scale:.2g}")


_FACTS: Mapping[str, Callable[..., None]] = {
    "its results have the shape of its role": _shaped,
    "the same input gives the same result": _repeated,
    "a row depends on no other": _independent,
    "a row's place changes none of its bits": _placed,
    "a row is the same in a smaller batch, but for rounding": _sized,
    "what is asked for matters": _asked,
}
_FACTS_OF_CONTOURS: Mapping[str, Callable[..., None]] = {"every value of a contour matters": _followed}
_FACTS_OF: Mapping[Role, Mapping[str, Callable[..., None]]] = {
    "denoise": {"the level of noise matters": _levelled},
    "causal": {
        "a token depends on none after it": _causal,
        "its stream gives the logits that it gives itself": _streamed,
        "a row's place in a stream changes none of its bits": _stream_placed,
        "a row of a stream can be begun anew": _restarted,
    },
}
