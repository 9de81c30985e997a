"""One execution, and the environment it took place in."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import platform
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from types import MappingProxyType
from typing import Any, Literal

__all__ = ["Environment", "Kind", "Run", "State", "current_environment", "new_run_id"]

Kind = Literal["train", "generate", "evaluate", "replay"]
State = Literal["running", "finished", "failed", "interrupted"]


@dataclass(frozen=True, kw_only=True)
class Environment:
    """What a run's numbers may depend on apart from the run itself.

    packages:  versions of the libraries that compute or decide something
    plugins:   each plugin's distribution with its version
    threads:   of PyTorch within one operation
    processor: the CPU's model
    simd:      the vector instructions that PyTorch computes with
    gpu, driver: the model and the driver's version, where a GPU computes
    kernels:   what decides which kernels compute, such as the precision of products of matrices
    contents:  the SHA-256 over the files of each plugin's distribution

    The last six are empty in environments of before they were recorded.
    """

    python: str
    platform: str
    device: str
    threads: int
    packages: Mapping[str, str]
    plugins: Sequence[str]
    processor: str = ""
    simd: str = ""
    gpu: str = ""
    driver: str = ""
    kernels: Mapping[str, str] = field(default_factory=dict)
    contents: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return plain data from which `from_json` makes an equal environment."""
        data = asdict(self) | {name: dict(getattr(self, name)) for name in ("packages", "kernels", "contents")}
        # Left out where empty, so that an environment of before there were such fields keeps its digest.
        kept = {name: value for name, value in data.items() if value or name not in _LATER}
        return kept | {"plugins": list(self.plugins)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Environment:
        """Return the environment that `to_json` wrote."""
        return cls(**data)

    @property
    def digest(self) -> str:
        """The SHA-256 of the canonical JSON, in hexadecimal."""
        text = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def drift(self, other: Environment) -> list[str]:
        """Return what differs in `other`, one sentence each; empty if nothing does.

        What one of the two was not yet asked for is left out.
        """
        if not (self.processor and other.processor):
            self, other = self._earlier(), other._earlier()
        mine, theirs = _flat(self), _flat(other)
        changed = [
            f"{name} was {mine.get(name, 'absent')}, is {theirs.get(name, 'absent')}"
            for name in sorted(mine.keys() | theirs.keys())
            if mine.get(name) != theirs.get(name)
        ]
        return changed + self._edited(other)

    def _earlier(self) -> Environment:
        """Return the environment as it was recorded before the machine was."""
        packages = {name: version for name, version in self.packages.items() if name not in _LATER_PACKAGES}
        return replace(self, packages=packages, processor="", simd="", gpu="", driver="", kernels={}, contents={})

    def _edited(self, other: Environment) -> list[str]:
        """Return which plugins have other files here under the same version."""
        same = sorted(plugin for plugin in self.plugins if plugin in other.plugins)
        pairs = [(p, *(e.contents.get(p.rpartition(" ")[0], "") for e in (self, other))) for p in same]
        return [
            f"{plugin} was edited: its files had the SHA-256 {mine[:12]}, have {theirs[:12]}"
            for plugin, mine, theirs in pairs
            if mine and theirs and mine != theirs
        ]


@dataclass(frozen=True, kw_only=True)
class Run:
    """One execution: what was asked, of which model, where, when, and how it ended.

    id:       32 hexadecimal digits that sort by time of start (UUID version 7)
    model:    name of the model ("molecules/druglike"); `checkpoint` is its digest
    config:   all else that decides the samples (sampler, condition, rows, guidance) or the weights (the recipe)
    planned:  how many samples were asked for; they have the indices 0 to planned - 1
    parent:   the run that this one replays or whose samples it measures
    notes:    what is to be known beside the run itself: observers that were detached, and which kernels served
    started, finished: nanoseconds since 1970, UTC
    actor:    who started it, where the store tells; no part of what a run is
    """

    id: str
    kind: Kind
    domain: str
    environment: Environment
    model: str = ""
    checkpoint: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    planned: int = 0
    parent: str | None = None
    state: State = "running"
    error: str | None = None
    notes: tuple[str, ...] = ()
    started: int = field(default_factory=time.time_ns)
    finished: int | None = None
    actor: str | None = field(default=None, compare=False)


def new_run_id() -> str:
    """Return a new id: 48 bits of milliseconds since 1970, then random bits, as UUID version 7 in hexadecimal.

    Source: RFC 9562, section 5.7.
    """
    value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 7 << 76
    return f"{value & ~(3 << 62) | 2 << 62:032x}"


@cache
def _versions() -> Mapping[str, str]:
    found = {}
    for name in (*_PACKAGES, *_LATER_PACKAGES):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def current_environment(
    *,
    device: str,
    threads: int,
    plugins: Sequence[str],
    machine: Mapping[str, Any] = MappingProxyType({}),
    contents: Mapping[str, str] = MappingProxyType({}),
) -> Environment:
    """Return the environment of this process.

    machine: what `genwright.machine.machine` says of what computes here
    """
    return Environment(
        python=platform.python_version(),
        platform=f"{sys.platform}-{platform.machine()}",
        device=device,
        threads=threads,
        packages=_versions(),
        plugins=sorted(plugins),
        contents=contents,
        **machine,
    )


def _flat(environment: Environment) -> dict[str, str]:
    """Return the parts of an environment by name; a kernel's setting is called so, to be none of a package."""
    data = environment.to_json()
    packages: dict[str, str] = data.pop("packages")
    plugins: list[str] = data.pop("plugins")
    kernels: dict[str, str] = data.pop("kernels", {})
    data.pop("contents", None)
    flat = {_SPOKEN.get(name, name): str(value) for name, value in data.items()} | packages
    flat |= {f"kernel setting {name}": value for name, value in kernels.items()}
    return flat | {name: version for name, _, version in (plugin.rpartition(" ") for plugin in plugins)}


_PACKAGES = ("torch", "numpy", "rdkit", "selfies", "partialsmiles", "triton", "safetensors", "genwright-core")
# Recorded since machines are: of an older environment nothing says whether they were there.
_LATER_PACKAGES = ("lightning-fabric", "numba", "pillow", "scipy", "tokenizers", "torchaudio", "torchvision")
_LATER = ("processor", "simd", "gpu", "driver", "kernels", "contents")
_SPOKEN = {"simd": "SIMD", "gpu": "GPU", "driver": "GPU driver"}
