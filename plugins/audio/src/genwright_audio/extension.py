"""Imports torchaudio, also where its compiled extension cannot be loaded."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable
from threading import Lock
from types import ModuleType
from typing import Any

__all__ = ["torchaudio"]

_NAME = "torchaudio"
_EXTENSION = f"{_NAME}._extension"
_LOCK = Lock()


def torchaudio() -> ModuleType:
    """Return torchaudio: its parts in plain PyTorch, such as mel filters, whether or not its extension fits this torch.

    The extension of the last release is for one version of CUDA. Where it cannot be loaded an empty one takes its
    place, and what would need it raises. Files are read and written by soundfile, never by `load` and `save`.
    """
    with _LOCK:
        try:
            return importlib.import_module(_NAME)
        except (ImportError, OSError, RuntimeError):
            if importlib.util.find_spec(_NAME) is None:
                raise
        for name in [name for name in sys.modules if name.partition(".")[0] == _NAME]:
            del sys.modules[name]
        sys.modules[_EXTENSION] = _empty()
        return importlib.import_module(_NAME)


def _empty() -> ModuleType:
    """Return what stands for the extension: it says of each part that it is not there."""
    module = ModuleType(_EXTENSION)
    for name in ("_IS_TORCHAUDIO_EXT_AVAILABLE", "_IS_RIR_AVAILABLE", "_IS_ALIGN_AVAILABLE"):
        setattr(module, name, False)
    for name in ("fail_if_no_align", "fail_if_no_rir"):
        setattr(module, name, _failing)
    return module


def _failing(function: Callable[..., Any]) -> Callable[..., Any]:
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError(f"{function.__name__} needs the extension of torchaudio, which does not fit this torch.")

    return fails
