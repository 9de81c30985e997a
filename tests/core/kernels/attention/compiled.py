"""Compile the kernels of attention for a GPU that need not be there, and print what came of it, as JSON.

    python compiled.py 90 bfloat16 '[["_forward", {"H": 64, "CAUSAL": true}]]'

Run in a process of its own: where Triton interprets kernels, it cannot compile them.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from genwright.kernels.attention import kernel

FLAGS = dict.fromkeys(("CAUSAL", "WINDOWED", "BIASED", "PACKED", "LEARNED", "WHOLE"), False)
POINTERS = ["q", "k", "v", "bias", "starts", "out", "logs", "d_out", "d_q", "d_k", "d_v", "d_bias", "delta"]
TYPES = {"float16": "*fp16", "bfloat16": "*bf16", "float32": "*fp32"}
CUOBJDUMP = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"


def constants(
    name: str, wanted: dict[str, Any], dtype: torch.dtype, architecture: int
) -> tuple[dict[str, Any], kernel.Tiles]:
    how = wanted["H"], dtype, architecture
    tiles = {
        "_forward": kernel.forward_tiles(*how, biased=wanted.get("BIASED", False)),
        "_backward_queries": kernel.query_tiles(*how, biased=wanted.get("BIASED", False)),
        "_backward_keys": kernel.key_tiles(*how),
    }[name]
    given = FLAGS | {"GROUP": 1, "WIDTH": triton.next_power_of_2(wanted["H"])} | wanted
    given |= {"ROWS": tiles.rows, "COLUMNS": tiles.columns, "DESCRIBED": tiles.described}
    given |= {"SPECIALISED": tiles.specialised, "PRECISION": "ieee" if dtype == torch.float32 else "tf32"}
    return {key: value for key, value in given.items() if key in getattr(kernel, name).arg_names}, tiles


def signature(name: str, fixed: dict[str, Any], dtype: str) -> dict[str, str]:
    types = dict.fromkeys(POINTERS, TYPES[dtype]) | dict.fromkeys(fixed, "constexpr")
    types |= {"logs": "*fp32", "delta": "*fp32", "starts": "*i32", "scale": "fp32"}
    return {argument: types.get(argument, "i32") for argument in getattr(kernel, name).arg_names}


def compiled(name: str, wanted: dict[str, Any], dtype: str, architecture: int) -> dict[str, Any]:
    function = getattr(kernel, name)
    fixed, tiles = constants(name, wanted, getattr(torch, dtype), architecture)
    aligned = [a for a in function.arg_names if a in POINTERS or re.fullmatch("[qkv]_[bnts]", a)]
    attributes = {(function.arg_names.index(argument),): [["tt.divisibility", 16]] for argument in aligned}
    source = ASTSource(function, signature(name, fixed, dtype), fixed, attributes)
    options = {"num_warps": tiles.warps, "num_stages": tiles.stages}
    made = triton.compile(source, target=GPUTarget("cuda", architecture, 32), options=options)
    return wanted | {"kernel": name, "shared": made.metadata.shared} | machine_code(made)


def machine_code(made: Any) -> dict[str, Any]:
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(made.asm["cubin"])
        file.flush()
        usage = subprocess.run([CUOBJDUMP, "-res-usage", file.name], capture_output=True, text=True, check=True).stdout
    ptx = made.asm["ptx"]
    return {
        "stack": max(map(int, re.findall(r"STACK:(\d+)", usage))),
        "products": ptx.count("wgmma.mma_async"),
        "fetches": ptx.count("cp.async.bulk.tensor"),
        "specialised": "setmaxnreg" in ptx,
    }


if __name__ == "__main__":
    print(
        json.dumps([compiled(name, wanted, sys.argv[2], int(sys.argv[1])) for name, wanted in json.loads(sys.argv[3])])
    )
