"""A CUDA graph in the small, on a CPU: operations are written down as they are called, and done again to a replay.

Numbers, and where tensors lie, stay those of the recording; nothing that Python does in between is done again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, final

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode, _get_current_dispatch_mode
from torch.utils._pytree import tree_leaves

from genwright import captured
from genwright.captured import Recording

__all__ = ["Tape", "in_the_small", "taped"]


@final
class Tape(TorchDispatchMode):
    """What was called while it was entered. What was written meanwhile to tensors that were there before is undone."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any], list[Any]]] = []
        self.before: list[tuple[Tensor, Tensor]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        # In inference mode, `.item()` arrives as it is.
        if func in (torch.ops.aten._local_scalar_dense.default, torch.ops.aten.item.default):
            raise RuntimeError("operation not permitted when stream is capturing")
        written = [arg for arg, known in zip(args, func._schema.arguments, strict=False) if _is_written(known)]
        self.before.extend((tensor, tensor.clone()) for tensor in written)
        found = func(*args, **(kwargs or {}))
        self.calls.append((func, args, kwargs or {}, tree_leaves(found)))
        return found

    def undo(self) -> None:
        """Put back what tensors held."""
        for tensor, held in reversed(self.before):
            tensor.copy_(held)

    def replay(self) -> None:
        """Do again what was called, and write what comes of it where it was."""
        for func, args, kwargs, places in self.calls:
            for place, new in zip(places, tree_leaves(func(*args, **kwargs)), strict=True):
                if isinstance(place, Tensor) and place.data_ptr() != new.data_ptr():
                    place.copy_(new)


def taped(function: Callable[..., Tensor], given: tuple[Tensor, ...]) -> Recording:
    """Return a record of a call as `recorded` does, made on a CPU."""
    places, tape = tuple(tensor.clone() for tensor in given), Tape()
    with tape:
        result = function(*places)
    with torch.inference_mode():
        result.fill_(0)
        tape.undo()
    return Recording(given=places, result=result, replay=tape.replay)


@contextmanager
def in_the_small(monkeypatch: pytest.MonkeyPatch, *, record: Callable[..., Recording] = taped) -> Iterator[list[str]]:
    """As if on a GPU, with tapes for graphs; places that are put into what this gives wait for it."""
    places: list[str] = []

    @contextmanager
    def looked() -> Iterator[list[str]]:
        yield places

    with monkeypatch.context() as patch:
        patch.setattr(captured, "_is_open", lambda given: not isinstance(_get_current_dispatch_mode(), Tape))
        patch.setattr(captured, "recorded", record)
        patch.setattr(captured, "waits", looked)
        yield places


def _is_written(argument: Any) -> bool:
    return argument.alias_info is not None and argument.alias_info.is_write
