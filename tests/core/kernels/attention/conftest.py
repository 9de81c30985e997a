"""Triton's interpreter beside NumPy 2.4."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let loops of kernels run to numbers that are known when they run, in Triton 3.6's interpreter.

    It keeps them as arrays of one element, and int() of those raises TypeError since NumPy 2.4.
    """
    if find_spec("triton") is None:
        return
    from triton.runtime import interpreter as module

    patch = module._patch_lang_tensor

    def patched(tensor: Any, scope: Any) -> None:
        patch(tensor, scope)
        scope.set_attr(tensor, "__index__", lambda self: int(self.handle.data.item()))

    monkeypatch.setattr(module, "_patch_lang_tensor", patched)
