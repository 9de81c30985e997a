"""Finds plugins, checks what they declare, and looks components up by name.

A plugin is taken whole or refused whole, and a refused one is kept with its trouble. So nothing that is installed can
stop Genwright from starting, and nothing that is wrong with it passes unseen.
"""

from __future__ import annotations

import contextlib
import difflib
import importlib
import importlib.metadata
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache, cached_property
from typing import Any

import pluggy

from genwright.distributions import content_digest
from genwright.errors import MismatchError, OptionError, PluginError, UnknownName, shown
from genwright.hooks import API_VERSION, ENTRY_POINTS, PROJECT, Declaring, Observing
from genwright.options import checked
from genwright.specs import (
    BackboneSpec,
    CommandSpec,
    DatasetSpec,
    DomainSpec,
    EncoderSpec,
    EngineSpec,
    ExporterSpec,
    FamilySpec,
    MetricSpec,
    ModelSpec,
    Reads,
    ReviewerSpec,
    SamplerSpec,
    Spec,
    StoreSpec,
)

__all__ = ["Plugin", "Registry", "check_model_name", "discover", "registry"]

CORE = "genwright-core"
_METRIC = "metric of "


@dataclass(frozen=True, kw_only=True)
class Plugin:
    """An installed plugin: what it contributes, or why it contributes nothing.

    name:    of its entry point, such as "audio"
    trouble: why it was refused, in a sentence; None if it was taken
    """

    name: str
    distribution: str
    version: str
    specs: tuple[Spec, ...] = ()
    trouble: str | None = None

    @property
    def origin(self) -> str:
        """The distribution and version: "genwright-audio 0.3.1"."""
        return f"{self.distribution} {self.version}"


class Registry:
    """The components of all plugins that were taken. Nothing here imports what a spec names.

    plugins: all that are installed, taken or refused; core first, then by name
    hooks:   the hooks of each plugin that was taken, by its name
    """

    def __init__(self, plugins: Sequence[Plugin], hooks: Mapping[str, pluggy.HookRelay]) -> None:
        self.plugins = list(plugins)
        self.hooks = dict(hooks)
        self._all = [spec for plugin in self.plugins for spec in plugin.specs]
        # Of metrics the first of a name; of others there is one, or a later registry's own in its place.
        metrics = [spec for spec in reversed(self._all) if isinstance(spec, MetricSpec)]
        self._specs = {(spec.kind, spec.name): spec for spec in (*self._all, *metrics)}

    @cached_property
    def contents(self) -> Mapping[str, str]:
        """The digest over the files of each distribution whose plugin was taken, where they are found."""
        taken = {plugin.distribution for plugin in self.plugins if plugin.trouble is None}
        found = {name: content_digest(name, *(("genwright",) if name == CORE else ())) for name in sorted(taken)}
        return {name: digest for name, digest in found.items() if digest}

    def get(self, kind: str, name: str) -> Any:
        """Return the spec of this kind and name, as its own class; of metrics, that of the first domain with one.

        Raises UnknownName if there is none.
        """
        try:
            return self._specs[kind, name]
        except KeyError:
            raise UnknownName(kind, name, [spec.name for spec in self.specs(kind)], self._refused()) from None

    def specs(self, kind: str) -> list[Any]:
        """Return the specs of a kind, by name; metrics of several domains may have the same."""
        found = self._all if kind == MetricSpec.kind else self._specs.values()
        return sorted((spec for spec in found if spec.kind == kind), key=lambda spec: spec.name)

    def check_fit(self, *, domain: str, encoder: str, family: str, backbone: str) -> None:
        """Check that these components can make a model together.

        Raises MismatchError if they cannot, UnknownName for a name that is none.
        """
        self.get("domain", domain)
        self._check_encoder(domain, self.get("encoder", encoder), self.get("family", family))
        self._check_backbone(self.get("encoder", encoder), self.get("family", family), self.get("backbone", backbone))

    def check_contours(self, backbone: str, names: Iterable[str]) -> None:
        """Check that a backbone follows contours, if there are any. Raises MismatchError if it does not."""
        if (contours := list(names)) and not self.get("backbone", backbone).contours:
            fitting = [spec.name for spec in self.specs("backbone") if spec.contours]
            raise MismatchError(
                f"backbone {backbone!r} is told of a sample as a whole, and cannot follow {' and '.join(contours)} "
                f"from moment to moment. Backbones that can: {_listed(fitting)}."
            )

    def check_sampler(self, *, family: str, sampler: str) -> None:
        """Check that the sampler can read what the family learns. Raises MismatchError if not."""
        self._check_reads(sampler, self.get("family", family).reads, f"family {family!r}")

    def check_inner(self, *, reads: Reads, sampler: str, inner: str) -> None:
        """Check that a sampler can draw with another from a model that is read so. Raises MismatchError if not."""
        self._check_reads(inner, reads, f"what {sampler!r} has it draw from")

    def _check_reads(self, sampler: str, offered: Reads, model: str) -> None:
        needed = self.get("sampler", sampler).reads
        if needed not in (offered, "*"):
            fitting = [spec.name for spec in self.specs("sampler") if spec.reads in (offered, "*")]
            raise MismatchError(
                f"sampler {sampler!r} needs {_article(needed)} {needed}, but {model} is read as {offered}. "
                f"Samplers that fit: {_listed(fitting)}."
            )

    def check_domain(self, kind: str, name: str, domain: str) -> None:
        """Check that a component is for items of a domain.

        Raises MismatchError if it is for those of another, UnknownName if there is no such component.
        """
        spec, fitting = self.get(kind, name), self.of_domain(kind, domain)
        if name not in fitting:
            raise MismatchError(
                f"{kind} {name!r} is of {spec.domain}, not of {domain}. "
                f"{kind.capitalize()}s of {domain}: {_listed(fitting)}."
            )

    def of_domain(self, kind: str, domain: str) -> dict[str, Any]:
        """Return the specs of a kind that are for items of a domain, by name."""
        return {spec.name: spec for spec in self.specs(kind) if spec.domain in (domain, "*")}

    def _check_encoder(self, domain: str, encoder: EncoderSpec, family: FamilySpec) -> None:
        self.check_domain("encoder", encoder.name, domain)
        if encoder.space not in family.spaces:
            encoders = self.of_domain("encoder", domain)
            fitting = [name for name, spec in encoders.items() if spec.space in family.spaces]
            raise MismatchError(
                f"family {family.name!r} works on {' or '.join(family.spaces)}, but encoder {encoder.name!r} gives "
                f"{encoder.space}. Encoders of {domain} that fit: {_listed(fitting)}."
            )

    def _check_backbone(self, encoder: EncoderSpec, family: FamilySpec, backbone: BackboneSpec) -> None:
        needed = set(family.roles.values())
        advice = "Backbones that fit: " + _listed(
            spec.name for spec in self.specs("backbone") if encoder.space in spec.spaces and needed <= set(spec.roles)
        )
        if encoder.space not in backbone.spaces:
            raise MismatchError(
                f"backbone {backbone.name!r} works on {' or '.join(backbone.spaces)}, but encoder {encoder.name!r} "
                f"gives {encoder.space}. {advice}."
            )
        if missing := needed - set(backbone.roles):
            raise MismatchError(
                f"family {family.name!r} needs a backbone that serves as {' and '.join(sorted(missing))}, but "
                f"{backbone.name!r} serves as {' and '.join(backbone.roles)}. {advice}."
            )

    def _refused(self) -> str:
        names = [plugin.name for plugin in self.plugins if plugin.trouble]
        return f"Plugins that were refused: {_listed(names)}; see: genwright plugins list." if names else ""


@cache
def registry() -> Registry:
    """Return the registry of this process, made at the first call."""
    return discover()


def discover(only: Iterable[str] | None = None) -> Registry:
    """Return a new registry of what is installed.

    only: the names of the plugins to load beside core; None for those in $GENWRIGHT_PLUGINS (separated by commas),
          or all where that is not set
    """
    allowed = _allowed() if only is None else frozenset(only)
    plugins: list[Plugin] = []
    hooks: dict[str, pluggy.HookRelay] = {}
    for candidate, load in _candidates(allowed):
        plugin, relay = _taken(candidate, load, plugins)
        plugins.append(plugin)
        if relay is not None:
            hooks[plugin.name] = relay
    return Registry(plugins, hooks)


def _candidates(allowed: frozenset[str] | None) -> Iterator[tuple[Plugin, Callable[[], object]]]:
    yield (
        Plugin(name="core", distribution=CORE, version=_core_version() or "0+source"),
        lambda: importlib.import_module("genwright.builtin"),
    )
    # All groups at once, since a plugin for another version of the contract is in a group of another name.
    installed = importlib.metadata.entry_points()
    groups = [group for group in installed.groups if _GROUP.fullmatch(group)]
    points = [point for group in groups for point in installed.select(group=group)]
    for point in sorted(points, key=lambda p: (p.name, _distribution(p)[0])):
        distribution, version = _distribution(point)
        candidate = Plugin(name=point.name, distribution=distribution, version=version)
        yield candidate, _loader(point, allowed)


def _loader(point: importlib.metadata.EntryPoint, allowed: frozenset[str] | None) -> Callable[[], object]:
    def load() -> object:
        _check_group(point)
        _check_allowed(point, allowed)
        _check_range(point)
        return point.load()

    return load


def _taken(
    plugin: Plugin, load: Callable[[], object], earlier: Sequence[Plugin]
) -> tuple[Plugin, pluggy.HookRelay | None]:
    """Return the plugin with its specs and hooks, or with its trouble."""
    try:
        _check_new(plugin, earlier)
        # What a plugin prints while it is imported must not end up in the program's data.
        with contextlib.redirect_stdout(sys.stderr):
            relay, specs = _hooks_and_specs(plugin, load())
        _check_names(specs, earlier)
    except PluginError as error:
        return replace(plugin, trouble=str(error)), None
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit among them: a plugin may call sys.exit where it is imported
        return replace(plugin, trouble=f"it cannot be imported: {_told(error)}."), None
    return replace(plugin, specs=specs), relay


def _hooks_and_specs(plugin: Plugin, implementation: object) -> tuple[pluggy.HookRelay, tuple[Spec, ...]]:
    # A manager for each plugin: one that is refused half way leaves nothing behind.
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(Declaring)
    manager.add_hookspecs(Observing)
    try:
        manager.register(implementation, plugin.name)
    except pluggy.PluginValidationError as error:
        raise PluginError(f"a hook takes other arguments than it declares: {str(error).splitlines()[-1]}.") from error
    _check_hooks(manager, implementation)
    specs = [
        replace(spec, origin=plugin.origin)
        for hook, declared in _DECLARES.items()
        for spec in _declared(hook, declared, getattr(manager.hook, hook))
    ]
    return manager.hook, tuple(specs)


def _declared(hook: str, declared: type[Spec], call: Callable[[], list[Any]]) -> Iterator[Spec]:
    try:
        returned = [list(specs) for specs in call()]
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise PluginError(f"{hook} must return specs; it raised {_told(error)}.") from error
    for spec in [spec for specs in returned for spec in specs]:
        if type(spec) is not declared:
            raise PluginError(f"{hook} must return {declared.__name__}s; got a {type(spec).__name__}.")
        _check_form(spec)
        yield spec


def _check_group(point: importlib.metadata.EntryPoint) -> None:
    if point.group != ENTRY_POINTS:
        raise PluginError(
            f"it is made for API {point.group.removeprefix(f'{PROJECT}.v')}, this is {API_VERSION}. "
            f"Install a release of it for API {API_VERSION}, or another genwright-core."
        )


def _check_allowed(point: importlib.metadata.EntryPoint, allowed: frozenset[str] | None) -> None:
    if allowed is not None and point.name not in allowed:
        raise PluginError(f"it was left out: only {_listed(sorted(allowed))} may be loaded (GENWRIGHT_PLUGINS).")


def _check_range(point: importlib.metadata.EntryPoint) -> None:
    """Check the version of core that the plugin's distribution depends on, which pip does not do at every start."""
    installed = _core_version()
    if installed is None or point.dist is None:
        return
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    for text in point.dist.requires or ():
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        applies = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if canonicalize_name(requirement.name) != CORE or not applies:
            continue
        if not requirement.specifier.contains(installed, prereleases=True):
            raise PluginError(
                f"it needs {CORE} {requirement.specifier}, this is {installed}. "
                f"Install another release of it: genwright plugins install -U {point.name}."
            )


def _check_new(plugin: Plugin, earlier: Sequence[Plugin]) -> None:
    for other in earlier:
        if other.name == plugin.name:
            raise PluginError(f"the name {plugin.name!r} is taken by {other.origin}. Uninstall one of them.")


def _check_names(specs: Sequence[Spec], earlier: Sequence[Plugin]) -> None:
    taken = {key: spec.origin for plugin in earlier for spec in plugin.specs for key in _claims(spec)}
    for spec in specs:
        for kind, name in _claims(spec):
            if (origin := _holder(taken, kind, name)) is not None:
                raise PluginError(
                    f"{kind} {name!r} of {spec.origin} is already that of {origin}. Uninstall one of them."
                )
            taken[kind, name] = spec.origin


def _claims(spec: Spec) -> list[tuple[str, str]]:
    """Return what a spec is alone in being: its name among its kind, the default of a domain, the format of endings."""
    # Metrics are asked for by the domain of what they measure: the same name stands for the same idea in each.
    claims = [(f"{_METRIC}{spec.domain}" if isinstance(spec, MetricSpec) else spec.kind, spec.name)]
    if isinstance(spec, ExporterSpec):
        claims += [("format of files in", ending) for ending in spec.endings]
    if isinstance(spec, ModelSpec) and spec.default:
        claims.append(("default model of", spec.domain))
    return claims


def _holder(taken: Mapping[tuple[str, str], str], kind: str, name: str) -> str | None:
    """Return who has a claim, or None; a metric for all domains has the name in each."""
    every = f"{_METRIC}*"
    if kind == every:
        return next((taken[key] for key in taken if key[0].startswith(_METRIC) and key[1] == name), None)
    return taken.get((kind, name)) or (taken.get((every, name)) if kind.startswith(_METRIC) else None)


def _check_hooks(manager: pluggy.PluginManager, implementation: object) -> None:
    known = [name for hooks in (Declaring, Observing) for name in vars(hooks) if not name.startswith("_")]
    implemented = [caller.name for caller in manager.get_hookcallers(implementation) or ()]
    for name in implemented:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"Hooks: {', '.join(known)}."
            raise PluginError(f"it implements {name}, which is not a hook. {hint}")
    for name in known:
        if name not in implemented and callable(getattr(implementation, name, None)):
            raise PluginError(f"its {name} is not marked as a hook. Write @hookimpl above it.")
    if not implemented:
        raise PluginError("it implements no hook. Its entry point must name the module that holds them.")


def check_model_name(name: str, domain: str) -> None:
    """Raise OptionError unless a name is one for a model of a domain."""
    if not _MODEL_NAME.fullmatch(name) or name.partition("/")[0] != domain:
        raise OptionError(
            f"a model of {domain} is named \"{domain}/something\": lower-case words, joined by '-', '_' or '.'; "
            f"got {shown(name)}. Choose such a name."
        )


def _check_form(spec: Spec) -> None:
    pattern, form = _FORMS.get(type(spec), (_NAME, "lower-case words"))
    if not isinstance(spec.name, str) or not pattern.fullmatch(spec.name):
        raise PluginError(f"the name of a {spec.kind} is {form}, joined by '-', '_' or '.'; got {spec.name!r}.")
    if isinstance(spec, ModelSpec) and spec.name.partition("/")[0] != spec.domain:
        raise PluginError(f"model {spec.name!r} is of {spec.domain}, so its name starts with {spec.domain + '/'!r}.")
    if not isinstance(spec.target, str) or not _TARGET.fullmatch(spec.target):
        raise PluginError(f'the target of {spec.kind} {spec.name!r} is "package.module:Name"; got {spec.target!r}.')
    values = {field.name: getattr(spec, field.name) for field in fields(spec)}
    try:
        checked(f"{spec.kind} {spec.name!r}", type(spec), values, given=())
    except OptionError as error:
        raise PluginError(str(error)) from error
    for ending in spec.endings if isinstance(spec, ExporterSpec) else ():
        if not _ENDING.fullmatch(ending):
            raise PluginError(f'an ending of exporter {spec.name!r} is lower-case, such as ".csv.gz"; got {ending!r}.')


def _allowed() -> frozenset[str] | None:
    text = os.environ.get("GENWRIGHT_PLUGINS")
    return None if text is None else frozenset(name.strip() for name in text.split(",") if name.strip())


def _core_version() -> str | None:
    """Return the installed version of core, or None where its source is on the path and nothing is installed."""
    try:
        return importlib.metadata.version(CORE)
    except importlib.metadata.PackageNotFoundError:
        return None


def _distribution(point: importlib.metadata.EntryPoint) -> tuple[str, str]:
    # Damaged metadata have neither name nor version.
    metadata: Any = point.dist.metadata if point.dist is not None else {}
    return metadata.get("Name") or "unknown", metadata.get("Version") or "0"


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}".rstrip(": .")


def _article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"


_GROUP = re.compile(rf"{PROJECT}\.v\d+")
_PLAIN = r"[a-z0-9]+([-_.][a-z0-9]+)*"
# Papers call some procedures so: dpm-solver++.
_NAME = re.compile(rf"{_PLAIN}\+*")
_MODEL_NAME = re.compile(rf"{_PLAIN}/{_PLAIN}")
_ENDING = re.compile(r"(\.[a-z0-9]+)+")
_FORMS: Mapping[type[Spec], tuple[re.Pattern[str], str]] = {
    ModelSpec: (_MODEL_NAME, '"domain/name"'),
    CommandSpec: (re.compile(rf"{_PLAIN}( {_PLAIN})?"), "one lower-case word, or two for a command in a group"),
}
_TARGET = re.compile(r"[A-Za-z_][\w.]*:[\w./-]+")
_DECLARES: Mapping[str, type[Spec]] = {
    "register_domains": DomainSpec,
    "register_encoders": EncoderSpec,
    "register_backbones": BackboneSpec,
    "register_families": FamilySpec,
    "register_samplers": SamplerSpec,
    "register_metrics": MetricSpec,
    "register_models": ModelSpec,
    "register_datasets": DatasetSpec,
    "register_reviewers": ReviewerSpec,
    "register_stores": StoreSpec,
    "register_engines": EngineSpec,
    "register_exporters": ExporterSpec,
    "register_commands": CommandSpec,
}
