"""What a GPU is given to do, recorded once and launched whole from then on, as one CUDA graph.

A step of sampling is hundreds of small launches, and a processor needs longer for each than a GPU for most of them.
"""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, final

import torch
from torch import Tensor

__all__ = ["Captured", "Recording", "recorded", "waits"]

Function = Callable[..., Tensor]

# What PyTorch says of an operation that waits for the GPU, and of its looking for such.
_WAITS, _LOOKS = "called a synchronizing CUDA operation", "Synchronization debug mode"


@final
class Captured:
    """A function of tensors on a GPU, whose calls after the first are one launch each; on a CPU it is called as it is.

    The first call runs as it is: kernels are compiled, and it shows whether the function waits for the GPU. If so it
    may have set something up, and the second shows whether it waits again. The next is recorded, and it and all later
    ones replay the record with their own arguments, of the same shapes. What comes back is the caller's own.

    What the function does in Python is not done again in a replay: all that changes from call to call is in its
    arguments, or in tensors that it reads and writes in place. Those, and all else that it reads, stay where they are
    for as long as this object lasts. So does a precision of autocast, as casts of weights are kept with it.

    A function that waits for the GPU, as `.item()`, a boolean index and a copy from a CPU do, cannot be recorded. It is
    called as it is each time, and a warning says why. Memory of the record is given back with this object.

    what: the function in words, for that warning
    """

    def __init__(self, function: Function, *, what: str) -> None:
        self.function, self.what = function, what
        self._is_plain, self._waited = False, False
        self._warm: list[tuple[Any, ...]] | None = None
        self._recording: Recording | None = None

    def __call__(self, *given: Tensor) -> Tensor:
        """Return what the function does."""
        if self._is_plain or not _is_open(given):
            return self.function(*given)
        if self._warm is None:
            return self._watched(given)
        if _kinds(given) != self._warm:
            return self.function(*given)
        if self._recording is None:
            self._record(given)
        return self.function(*given) if self._recording is None else self._recording(given)

    def _watched(self, given: tuple[Tensor, ...]) -> Tensor:
        with waits() as places:
            result = self.function(*given)
        if places and self._waited:
            self._refuse(f"{places[0]} waits for it")
        self._warm, self._waited = None if places else _kinds(given), bool(places)
        return result

    def _record(self, given: tuple[Tensor, ...]) -> None:
        try:
            self._recording = recorded(self.function, given)
        except RuntimeError as error:
            # Weights whose casts were recorded, and so never made, would be read by what runs as it is.
            torch.clear_autocast_cache()
            # What is raised last, as a record is ended, says only that it failed before.
            cause = error.__context__ or error
            self._refuse(f"recording it failed: {(str(cause) or type(cause).__name__).splitlines()[0]}")

    def _refuse(self, reason: str) -> None:
        self._is_plain = True
        warnings.warn(
            f"{self.what} is launched on a GPU as one graph if nothing in it waits for the GPU; {reason}. It runs step "
            "by step instead, slower and to the same result. Do without .item(), boolean indices and copies there.",
            stacklevel=4,
        )


@final
@dataclass(frozen=True, kw_only=True)
class Recording:
    """A function of tensors as it was recorded.

    given:  where its arguments are read
    result: where its result is written
    replay: does again what was recorded
    """

    given: tuple[Tensor, ...]
    result: Tensor
    replay: Callable[[], None]

    def __call__(self, given: tuple[Tensor, ...]) -> Tensor:
        """Return what comes of these arguments."""
        # What was recorded in this mode can be written to in this mode alone.
        with torch.inference_mode():
            for place, tensor in zip(self.given, given, strict=True):
                place.copy_(tensor)
            self.replay()
        return self.result.clone()


def recorded(function: Function, given: tuple[Tensor, ...]) -> Recording:
    """Return the record of a call on a GPU, which is not made: nothing is computed before its replay.

    Raises RuntimeError where something in it waits for the GPU.
    """
    places, graph = tuple(tensor.clone() for tensor in given), torch.cuda.CUDAGraph()
    device = places[0].device
    # Other threads may do as they like meanwhile.
    capture = torch.cuda.graph(graph, stream=_stream(device), capture_error_mode="thread_local")
    with torch.cuda.device(device), _generator_kept(), _uncollected(), capture:
        result = function(*places)
    return Recording(given=places, result=result, replay=graph.replay)


@contextmanager
def _generator_kept() -> Iterator[None]:
    """Put the current GPU's generator back where a record fails, after which it would refuse to draw for anybody."""
    generator = torch.cuda.default_generators[torch.cuda.current_device()]
    before = generator.clone_state()
    try:
        yield
    except RuntimeError:
        generator.graphsafe_set_state(before)
        raise


@contextmanager
def _uncollected() -> Iterator[None]:
    """Leave garbage for later: an older graph that is thrown away while another is recorded spoils that one."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


@contextmanager
def waits() -> Iterator[list[str]]:
    """Write down where operations wait for the GPU, as "file:line", in a list that is filled when this ends."""
    places: list[str] = []
    before = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            yield places
        finally:
            torch.cuda.set_sync_debug_mode(before)
    for warning in caught:
        if _WAITS in str(warning.message):
            places.append(f"{warning.filename}:{warning.lineno}")
        elif _LOOKS not in str(warning.message):
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)


def _is_open(given: tuple[Tensor, ...]) -> bool:
    """Return whether a call is on a GPU and not itself part of a call that is being recorded."""
    return bool(given) and given[0].is_cuda and not torch.cuda.is_current_stream_capturing()


def _kinds(given: tuple[Tensor, ...]) -> list[tuple[Any, ...]]:
    return [(tensor.shape, tensor.dtype, tensor.device) for tensor in given]


@cache
def _stream(device: torch.device) -> torch.cuda.Stream:
    # One for all records: for each stream that it meets, cuBLAS keeps a workspace.
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
