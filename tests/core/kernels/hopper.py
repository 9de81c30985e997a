"""What a kernel becomes on a Hopper GPU, compiled without one, in a process in which nothing is interpreted.

`every` starts that process; run as a script this file is what runs in it.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

SHARED_LIMIT = 227 * 1024


class Compiled(NamedTuple):
    """The bytes of stack and shared memory of a kernel, its registers a thread, and its PTX."""

    stack: int
    shared: int
    registers: int
    ptx: str

    def count(self, instruction: str) -> int:
        """Return how often PTX has an instruction: "fma.rn.f32"."""
        return len(re.findall(rf"\b{re.escape(instruction)}\b", self.ptx))


def compiled(
    target: str, types: Mapping[str, str], constants: Mapping[str, Any], *, aligned: Sequence[str] = (), **options: Any
) -> Compiled:
    """Return what a kernel becomes.

    target:  "genwright.kernels.geglu.kernel:geglu_kernel"
    types:   of its arguments: "*fp32" for a pointer, "i32", "fp32"
    aligned: arguments that are multiples of 16
    options: of the launch: num_warps, enable_fp_fusion
    """
    (found,) = every([asked(target, types, constants, aligned=aligned, **options)])
    return found


def asked(
    target: str, types: Mapping[str, str], constants: Mapping[str, Any], *, aligned: Sequence[str] = (), **options: Any
) -> dict[str, Any]:
    """Return what `every` takes of a kernel; see `compiled`."""
    return {"target": target, "types": types, "constants": constants, "aligned": list(aligned), "options": options}


def every(kernels: Sequence[Mapping[str, Any]]) -> list[Compiled]:
    """Return what each of several kernels becomes, compiled in one process."""
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    command = [sys.executable, "-W", "error", __file__, json.dumps(kernels)]
    with tempfile.TemporaryDirectory() as folder:
        environment["TRITON_CACHE_DIR"] = folder
        run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, run.stderr
    return [Compiled(**facts) for facts in json.loads(run.stdout)]


def _made(wanted: Mapping[str, Any]) -> dict[str, Any]:
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    module, _, name = wanted["target"].partition(":")
    kernel = getattr(importlib.import_module(module), name)
    signature = {name: wanted["types"].get(name, "constexpr") for name in kernel.arg_names}
    attributes = {(kernel.arg_names.index(name),): [["tt.divisibility", 16]] for name in wanted["aligned"]}
    source = ASTSource(fn=kernel, signature=signature, constexprs=wanted["constants"], attrs=attributes)
    made = triton.compile(source, target=GPUTarget("cuda", 90, 32), options=wanted["options"])
    usage = _usage(Path(triton.__file__).parent, made.asm["cubin"])
    facts = {"stack": int(usage["STACK"]), "registers": int(usage["REG"]), "shared": made.metadata.shared}
    return facts | {"ptx": made.asm["ptx"]}


def _usage(triton: Path, cubin: bytes) -> dict[str, str]:
    file = Path(os.environ["TRITON_CACHE_DIR"]) / "kernel.cubin"
    file.write_bytes(cubin)
    command = [triton / "backends/nvidia/bin/cuobjdump", "-res-usage", file]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return dict(re.findall(r"(REG|STACK):(\d+)", told))


if __name__ == "__main__":
    print(json.dumps([_made(wanted) for wanted in json.loads(sys.argv[1])]))
