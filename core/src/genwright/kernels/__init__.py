"""Operations that have a fast implementation, each beside the plain one that says what it means.

An operation is a folder: `reference.py` is plain PyTorch, runs anywhere and is the meaning; `kernel.py` (Triton) and
`cpu.py` (numba) hold other implementations, imported when one is first chosen; `spec.py` declares the operation and
says what tests and benchmarks call it with. It is called like a function:
`from genwright.kernels.philox_normal.spec import philox_normal`.

Nothing is timed when it runs: which implementation is taken follows from the arguments, from what `use` asks for, and
from tables measured before and kept in `tuned/`. So the same call gives the same bits every time.
"""

from genwright.kernels.catalogue import explain, use
from genwright.kernels.operation import Explanation, Implementation, Operation
from genwright.kernels.policy import AUTOMATIC, REFERENCE
from genwright.kernels.record import recorded

__all__ = [
    "AUTOMATIC",
    "REFERENCE",
    "Explanation",
    "Implementation",
    "Operation",
    "explain",
    "recorded",
    "use",
]
