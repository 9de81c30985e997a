"""What must hold of an installed plugin, as `genwright plugins check` runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from genwright.datasets import find
from genwright.errors import PluginError, UnknownName
from genwright.options import make
from genwright.registry import Plugin, registry
from genwright.specs import DatasetSpec, DomainSpec, EncoderSpec, ModelSpec, Spec
from genwright.testing.check import Check, checks, require

__all__ = ["check_plugin"]

_ITEMS = 64
_HEAVY = ("torch", "numpy", "scipy", "pandas", "rdkit", "sqlalchemy", "transformers", "matplotlib", "PIL", "tensorflow")

_OF_ANY = (
    "it is of any domain, so its options, which only its author can choose, decide what it encodes. "
    "Check it in a test, with genwright.testing.encoders"
)


def check_plugin(name: str) -> Iterator[Check]:
    """Check an installed plugin: that it is taken, light to find, and that what it contributes keeps the contract.

    Raises UnknownName if none of this name is installed.
    """
    found = {plugin.name: plugin for plugin in registry().plugins}
    if name not in found:
        raise UnknownName("plugin", name, found)
    plugin = found[name]
    yield from checks({"it is taken": _taken}, plugin)
    if plugin.trouble is not None:
        return
    yield from checks({"finding it imports nothing heavy": _light}, plugin)
    fitting = []
    for spec in plugin.specs:
        (check,) = checks({"its target is what it should be": _fitting_target}, spec, of=f"{spec.kind} {spec.name}")
        yield check
        fitting += [spec] if check.trouble is None else []
    for spec in fitting:
        if isinstance(spec, EncoderSpec) and spec.domain == "*":
            yield Check(name=f"{spec.kind} {spec.name}: it keeps its contract", skipped=_OF_ANY)
        elif isinstance(spec, DomainSpec | EncoderSpec):
            yield from _check_with_items(spec)
        yield from _check_alone(spec)


def _check_alone(spec: Spec) -> Iterator[Check]:
    from genwright.testing.components import check_component

    try:
        yield from check_component(spec, registry())
    except Exception as error:
        yield Check(name=f"{spec.kind} {spec.name}: it can be made", trouble=_raised(error))


def _raised(error: Exception) -> str:
    return f"it raised {type(error).__name__}: {error}"


def _check_with_items(spec: DomainSpec | EncoderSpec) -> Iterator[Check]:
    of = f"{spec.kind} {spec.name}"
    name = spec.name if isinstance(spec, DomainSpec) else spec.domain
    data = _data(name)
    if data is None:
        yield Check(name=f"{of}: there are items to check it with", trouble=_advice(name))
        return
    dataset, path = data
    try:
        domain = make(registry().get("domain", name), {})
        items = list(islice(dataset.load()(path, strict=False), _ITEMS))
        yield from _check_on(spec, domain, items, ending=path.suffix, of=of)
    except Exception as error:
        yield Check(name=f"{of}: it can be made", trouble=_raised(error))


def _check_on(spec: Spec, domain: Any, items: Sequence[Any], *, ending: str, of: str) -> Iterator[Check]:
    from genwright.testing.domains import check_domain
    from genwright.testing.encoders import check_encoder

    if not isinstance(spec, EncoderSpec):
        # Data come compressed or in formats that are read only; the endings of those say nothing of what is written.
        yield from check_domain(domain, items, ending="" if ending in (".gz", ".xz", ".zip") else ending, of=of)
        return
    encoder = make(spec, {})
    yield from check_encoder(encoder, items, domain=domain, lossy=spec.lossy, of=of)
    yield from checks({"its space is the one that its spec declares": _declared_space}, encoder, spec, of=of)


def _data(domain: str) -> tuple[DatasetSpec, Path] | None:
    """Return a data set of the domain that is on this machine, the smallest first."""
    of_domain = [spec for spec in registry().specs("dataset") if spec.domain == domain]
    for spec in sorted(of_domain, key=lambda spec: spec.rows):
        path = find(spec)
        if path is not None:
            return spec, path
    return None


def _advice(domain: str) -> str:
    names = [spec.name for spec in registry().specs("dataset") if spec.domain == domain and spec.url]
    if names:
        return f"no data set of {domain} is on this machine. Run: genwright data fetch {names[0]}"
    return f"no plugin names a data set of {domain}. Name a small one with register_datasets"


def _taken(plugin: Plugin) -> None:
    require(plugin.trouble is None, str(plugin.trouble))


def _light(plugin: Plugin) -> None:
    code = (
        "import json, sys; from genwright.registry import discover; "
        f"discover(only=[{plugin.name!r}]); print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    require(done.returncode == 0, f"a new process that finds it ends with {done.stderr.strip()[-200:]!r}")
    heavy = sorted(set(_HEAVY) & set(json.loads(done.stdout)))
    require(not heavy, f"its entry point imports {', '.join(heavy)}. Import only genwright.hooks and genwright.specs")


def _fitting_target(spec: Spec) -> None:
    if isinstance(spec, ModelSpec):
        _check_model(spec)
        return
    target = spec.load()
    wanted = _wanted(spec.kind)
    if wanted is None:
        require(callable(target), f"it should be callable; {spec.target} is a {type(target).__name__}")
    elif spec.kind == "command":
        require(isinstance(target, wanted), f"it should be a {wanted.__name__}; {spec.target} is {target!r}")
    else:
        fits = isinstance(target, type) and issubclass(target, wanted)
        require(fits, f"it should be a subclass of {wanted.__name__}; {spec.target} is {target!r}")
    if extra := _MORE.get(spec.kind):
        extra(spec)


def _wanted(kind: str) -> type | None:
    """Return the class that the target of this kind is of; None where any callable will do."""
    import click

    from genwright.domain import Domain
    from genwright.encoder import Encoder
    from genwright.family import Family
    from genwright.sampler import Sampler

    wanted: Mapping[str, type] = {
        "domain": Domain,
        "encoder": Encoder,
        "family": Family,
        "sampler": Sampler,
        "command": click.Command,
    }
    return wanted.get(kind)


def _check_domain(spec: DomainSpec) -> None:
    name = make(spec, {}).name
    require(name == spec.name, f"it calls itself {name!r}")
    encoder = registry().get("encoder", spec.encoder)
    require(encoder.domain in (spec.name, "*"), f"its default encoder {spec.encoder!r} is of {encoder.domain}")


def _declared_space(encoder: Any, spec: EncoderSpec) -> None:
    kind = encoder.space.kind
    require(kind == spec.space, f"its spec declares {spec.space}; its space is of {kind}")


def _check_its_domain(spec: EncoderSpec) -> None:
    if spec.domain != "*":
        registry().get("domain", spec.domain)


def _check_model(spec: ModelSpec) -> None:
    from genwright.checkpoint import Checkpoint

    checkpoint = Checkpoint.open(spec.folder)
    if checkpoint.domain != spec.domain:
        raise PluginError(f"its card says that it is of {checkpoint.domain}, its spec of {spec.domain}")


_MORE: Mapping[str, Callable[[Any], None]] = {"domain": _check_domain, "encoder": _check_its_domain}
