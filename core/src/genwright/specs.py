"""What a plugin says about a component: plain data, importing nothing."""

from __future__ import annotations

import importlib
import importlib.resources
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from genwright.errors import PluginError

__all__ = [
    "BackboneSpec",
    "CommandSpec",
    "DatasetSpec",
    "DomainSpec",
    "EncoderSpec",
    "EngineSpec",
    "ExporterSpec",
    "FamilySpec",
    "Likelihood",
    "Measure",
    "MetricSpec",
    "ModelSpec",
    "Reads",
    "ReviewerSpec",
    "Role",
    "SamplerSpec",
    "Space",
    "Spec",
    "StoreSpec",
]

Space = Literal["tokens", "continuous"]
Role = Literal["causal", "denoise", "unmask", "generator", "posterior", "critic"]
"""What a network serves as. All are made with space= and conditions=, and with role= if they take it. What each adds:

causal:    network(tokens [B, T], condition) -> logits [B, T, V]; `start`; `open(condition)`, a Stream
denoise:   network(x [B, *shape], level [B], condition) -> [B, *shape]; the level of noise is a number of order 1
unmask:    network(x [B, *shape], condition) -> logits [B, *shape, V]; the mask is token V
generator: made with latent=, a shape; network(z [B, *latent], condition) -> [B, *shape]; of tokens, logits with V last
posterior: made with latent=, a shape; network(x [B, *shape], condition) -> [B, *latent]
critic:    network(x [B, *shape], condition) -> [B]
"""
Reads = Literal["next-token", "denoiser", "unmasker", "decoder"]
Likelihood = Literal["exact", "bound", "none"]
Measure = Literal["tanimoto", "hamming", "subset"]
"""How fingerprints are compared: by shared bits among all, by bits that differ, or by having all of a part's."""


@dataclass(frozen=True, kw_only=True)
class Spec:
    """The description of one component.

    name:    what users write, such as "top-p"; "molecules/druglike" for models
    target:  "package.module:Name", imported by `load` and never before
    version: raised when the same options and seed would give other numbers
    extra:   the pip extra that the target needs, if it is optional
    origin:  the distribution and version it came from; set by the registry
    """

    kind: ClassVar[str] = ""

    name: str
    target: str
    summary: str
    version: int = 1
    extra: str = ""
    origin: str = ""

    @property
    def label(self) -> str:
        """The name with its version, as checkpoints and runs record it: "smiles@1"."""
        return f"{self.name}@{self.version}"

    def load(self) -> Any:
        """Return the object that `target` names.

        Raises PluginError if it cannot be imported.
        """
        module, _, attribute = self.target.partition(":")
        try:
            return getattr(importlib.import_module(module), attribute)
        except (ImportError, AttributeError) as error:
            raise PluginError(self._import_failure(error)) from error

    def _import_failure(self, error: Exception) -> str:
        advice = f" Install what it needs: pip install '{self.extra}'." if self.extra else ""
        origin = self.origin or "an unknown plugin"
        return f"{self.kind} {self.name!r} of {origin} needs {self.target}; got: {error}.{advice}"


@dataclass(frozen=True, kw_only=True)
class DomainSpec(Spec):
    """A kind of thing to generate; `encoder` names its default encoder.

    fingerprints: the kinds that `Domain.fingerprints` gives, with how each is compared; with other bits of one, the
                  version is raised
    """

    kind = "domain"
    encoder: str
    media_type: str
    fingerprints: Mapping[str, Measure] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class EncoderSpec(Spec):
    """A map between items of `domain` ("*" for any) and tensors of a space.

    sampler: the sampler that suits what it encodes, used unless another is asked for; "" for the plainest
    lossy:   whether what is decoded is, with default options, near what was encoded, and not the same
    """

    kind = "encoder"
    domain: str
    space: Space
    sampler: str = ""
    lossy: bool = False


@dataclass(frozen=True, kw_only=True)
class BackboneSpec(Spec):
    """A network, with the spaces it works on and the roles it can serve.

    contours: whether it follows `Condition.contours`; one that does not is refused where a model is to learn some
    halves:   whether its streams compute in bfloat16 where autocast asks for that, as all but streams do by themselves
    """

    kind = "backbone"
    spaces: tuple[Space, ...]
    roles: tuple[Role, ...]
    contours: bool = False
    halves: bool = False


@dataclass(frozen=True, kw_only=True)
class FamilySpec(Spec):
    """An objective, with the reading it offers and the role of each network it trains.

    likelihood: what `Family.log_likelihood` gives: log p(x) itself, a bound below it, or nothing
    sampler:    the sampler that suits it, used unless the encoder has one or another is asked for; "" for the plainest
    """

    kind = "family"
    spaces: tuple[Space, ...]
    reads: Reads
    roles: Mapping[str, Role] = field(default_factory=dict)
    likelihood: Likelihood = "none"
    sampler: str = ""


@dataclass(frozen=True, kw_only=True)
class SamplerSpec(Spec):
    """A procedure, with the reading it needs; "*" for one that wraps another sampler, whatever that reads."""

    kind = "sampler"
    reads: Reads | Literal["*"]


@dataclass(frozen=True, kw_only=True)
class MetricSpec(Spec):
    """A number computed from samples of `domain` ("*" for any), perhaps against a reference.

    against: what it is given as the reference: the one that is asked for, or the data that the samples' model was
             trained on, and only where these are not at hand the one that is asked for
    named:   whether it is computed only where it is asked for by name, since it needs what only a user can give
    """

    kind = "metric"
    domain: str
    against: Literal["reference", "training"] = "reference"
    named: bool = False


@dataclass(frozen=True, kw_only=True)
class ModelSpec(Spec):
    """A checkpoint that comes with a plugin; `target` is "package:folder"."""

    kind = "model"
    domain: str
    default: bool = False

    @property
    def folder(self) -> Path:
        """Where the checkpoint lies on disk. Raises PluginError if its package cannot be imported."""
        package, _, folder = self.target.partition(":")
        try:
            return Path(str(importlib.resources.files(package))) / folder
        except (ImportError, TypeError) as error:
            raise PluginError(self._import_failure(error)) from error


@dataclass(frozen=True, kw_only=True)
class DatasetSpec(Spec):
    """Named data; `target` is the function (path, strict) that reads it, a generator of items.

    url:     where it is fetched from; "package://name/path" for a file inside an installed package; "" for nowhere
    sha256:  of the file as fetched; also how it is found in a mirror folder
    mirrors: sha256 of other files with the same items, which a mirror folder may hold in its place
    licence: SPDX name, or a sentence
    """

    kind = "dataset"
    domain: str
    url: str
    sha256: str
    licence: str
    rows: int
    mirrors: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ReviewerSpec(Spec):
    """Gives each sample of `domain` ("*" for any) a verdict: policy, safety, duplicates."""

    kind = "reviewer"
    domain: str


@dataclass(frozen=True, kw_only=True)
class StoreSpec(Spec):
    """A store, by URL scheme; `name` is the scheme."""

    kind = "store"


@dataclass(frozen=True, kw_only=True)
class ExporterSpec(Spec):
    """A format of recorded samples of any domain.

    endings: of the names of files in it, such as ".csv" and ".csv.gz"; none for one that is only asked for by name
    """

    kind = "exporter"
    endings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class EngineSpec(Spec):
    """What spreads a run over processes or machines."""

    kind = "engine"


@dataclass(frozen=True, kw_only=True)
class CommandSpec(Spec):
    """A click command or group, added to the command line under `name`, imported when called.

    name: "hello"; "audit prove" is the command `prove` in the group `audit`, if that is one to which plugins add
    """

    kind = "command"
