"""What the molecules plugin contributes. It imports nothing heavy: targets are loaded when they are used."""

from __future__ import annotations

from functools import partial
from typing import Literal

from genwright.hooks import hookimpl
from genwright.specs import (
    DatasetSpec,
    DomainSpec,
    EncoderSpec,
    MetricSpec,
    ModelSpec,
    ReviewerSpec,
    SamplerSpec,
)

_MOSES = "https://media.githubusercontent.com/media/molecularsets/moses/master/moses/dataset/data"
_ZINC_TERMS = "MIT (MOSES); the molecules are from ZINC"

_dataset = partial(DatasetSpec, target="genwright_molecules.readers:read", domain="molecules")


@hookimpl
def register_domains() -> list[DomainSpec]:
    """Return the domain of small molecules."""
    return [
        DomainSpec(
            name="molecules",
            target="genwright_molecules.domain:MoleculesDomain",
            summary="Small organic molecules, written as SMILES.",
            encoder="smiles",
            media_type="chemical/x-daylight-smiles",
            fingerprints={"morgan": "tanimoto", "pattern": "subset"},
        )
    ]


@hookimpl
def register_encoders() -> list[EncoderSpec]:
    """Return the encoders of molecules."""
    return [
        EncoderSpec(
            name="smiles",
            target="genwright_molecules.smiles:Smiles",
            summary="SMILES as tokens: an atom, a bond, a branch or a ring closure each.",
            domain="molecules",
            space="tokens",
            sampler="grammar",
        ),
        EncoderSpec(
            name="selfies",
            target="genwright_molecules.selfies_tokens:Selfies",
            summary="SELFIES as tokens: whatever the tokens, a valid molecule comes back.",
            domain="molecules",
            space="tokens",
        ),
    ]


@hookimpl
def register_samplers() -> list[SamplerSpec]:
    """Return the sampler that draws valid molecules alone."""
    return [
        SamplerSpec(
            name="grammar",
            target="genwright_molecules.grammar:Grammar",
            summary="Another sampler of tokens, held to those with which a SMILES stays valid.",
            reads="next-token",
        )
    ]


@hookimpl
def register_metrics() -> list[MetricSpec]:
    """Return the metrics of MOSES."""
    return [
        _metric("validity", "valid", "The fraction that RDKit reads as molecules."),
        _metric("unique-1k", "unique_1k", "The fraction of distinct molecules among the first 1,000 valid ones."),
        _metric("unique-10k", "unique_10k", "The fraction of distinct molecules among the first 10,000 valid ones."),
        _metric(
            "novelty",
            "novel",
            "The fraction of distinct valid molecules that the model was not trained on.",
            against="training",
        ),
        _metric("diversity", "internal_diversity", "IntDiv: one minus the mean similarity of all pairs."),
        _metric("diversity-2", "internal_diversity_2", "IntDiv2: the same by root mean square similarities."),
        _metric("filters", "filters", "The fraction that passes MOSES's medicinal chemistry filters."),
        _metric(
            "nearest", "similarity_to_nearest", "SNN: the mean similarity to the nearest molecule of the reference."
        ),
        _metric("fragments", "fragment_similarity", "Frag: the cosine of the counts of BRICS fragments."),
        _metric("scaffolds", "scaffold_similarity", "Scaf: the cosine of the counts of Murcko scaffolds."),
        _metric("fcd", "frechet_chemnet_distance", "FCD: the Fréchet ChemNet distance."),
        _metric("logp-distance", "logp_distance", "The Wasserstein-1 distance of the distributions of logP."),
        _metric("sa-distance", "sa_distance", "The same of synthetic accessibility."),
        _metric("qed-distance", "qed_distance", "The same of QED."),
        _metric("weight-distance", "weight_distance", "The same of molecular weight."),
    ]


def _metric(
    name: str, attribute: str, summary: str, *, against: Literal["reference", "training"] = "reference"
) -> MetricSpec:
    target = f"genwright_molecules.metrics:{attribute}"
    return MetricSpec(name=name, target=target, summary=summary, domain="molecules", against=against)


@hookimpl
def register_reviewers() -> list[ReviewerSpec]:
    """Return the reviewer of structural alerts."""
    return [
        ReviewerSpec(
            name="alerts",
            target="genwright_molecules.reviewers:StructuralAlerts",
            summary="Fails molecules with groups that PAINS or BRENK advise against, and names the groups.",
            domain="molecules",
        )
    ]


@hookimpl
def register_models() -> list[ModelSpec]:
    """Return the models that come with the plugin."""
    return [
        ModelSpec(
            name="molecules/druglike",
            target="genwright_molecules:models/druglike",
            summary="Drug-like molecules after the MOSES benchmark.",
            domain="molecules",
            default=True,
        )
    ]


@hookimpl
def register_datasets() -> list[DatasetSpec]:
    """Return the data sets of molecules."""
    return list(_DATASETS)


_DATASETS = (
    _dataset(
        name="nci",
        summary="Five thousand compounds of the National Cancer Institute, as shipped inside RDKit.",
        url="package://rdkit/Data/NCI/first_5K.smi",
        sha256="91e71c015f14939837f2943dcc904f7c87e5a3a0124d82b05c28ad2f23004def",
        licence="BSD-3-Clause",
        rows=4_999,
    ),
    _dataset(
        name="moses",
        summary="The training set of the MOSES benchmark: drug-like molecules without charge and stereo marks.",
        url=f"{_MOSES}/train.csv.gz",
        sha256="786f0313aa6b9ba5514df685f885742a70ea8d86f1a4fa48115f7f80a634265c",
        licence=_ZINC_TERMS,
        rows=1_584_663,
    ),
    _dataset(
        name="moses-test",
        summary="The test set of MOSES: a random part of what its training set is a part of.",
        url=f"{_MOSES}/test.csv.gz",
        sha256="f896fbf3764f88d94670b9959e5872c600c12152a18233823e820761b7a791b2",
        mirrors=("d6cd509b9eb638c45d06137f61c6a61d504385090c44f435e98176494466e33f",),
        licence=_ZINC_TERMS,
        rows=176_074,
    ),
    _dataset(
        name="moses-test-scaffolds",
        summary="The scaffold test set of MOSES: its scaffolds are in neither the training nor the test set.",
        url=f"{_MOSES}/test_scaffolds.csv.gz",
        sha256="adffb2192c1bfe31ab0e13154d4af19a37dc18bdbf3cd7b4491e04405128adde",
        mirrors=("a7650e87b527241261fa44ee07d4eabb66b1a3d165c00ee5604f91ea0d7b36e6",),
        licence=_ZINC_TERMS,
        rows=176_225,
    ),
    _dataset(
        name="zinc250k",
        summary="249,456 molecules of ZINC with stereo marks. No site has this file: put it into a mirror folder.",
        url="",
        sha256="ba36455e6da3c0bf00dabc55c815530dc96873be81dd4b8f41f68440f14f53a5",
        licence="the molecules are from ZINC; their selection from chemical_vae, Apache-2.0",
        rows=249_456,
    ),
    _dataset(
        name="chembl-78k",
        summary="A part of ChEMBL without stereo marks, as used by Arús-Pous et al. (2019) for validation.",
        url=(
            "https://raw.githubusercontent.com/undeadpixel/reinvent-randomized/"
            "78e7a3793b787f7fbfb5a0ec817e95b114fdd891/training_sets/chembl.validation.smi"
        ),
        sha256="45da814a9f84685eadaabf07b3914a1a23f9213bcbc1e586c213f67aca78c05a",
        mirrors=("64aa4b3c9d4a63bdeb67e42d4e1c978b341cf5c51fde3474b66e3afd89c6205a",),
        licence="CC-BY-SA-3.0 (ChEMBL)",
        rows=78_102,
    ),
    _dataset(
        name="qm9",
        summary="Molecules of up to nine C, N, O and F atoms. No site has this file: put it into a mirror folder.",
        url="",
        sha256="08da7c96581bbea93bdb9c4df854fed02ad2e46038c3bfd4d8b59cef2a1dd23e",
        licence="Apache-2.0 (the list, from selfies)",
        rows=133_885,
    ),
)
