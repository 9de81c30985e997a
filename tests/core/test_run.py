from __future__ import annotations

import json
import subprocess
import sys
import time
import uuid
from dataclasses import replace
from importlib.util import find_spec

from genwright.run import Environment, current_environment, new_run_id

HERE = Environment(
    python="3.11.7",
    platform="linux-x86_64",
    device="cpu",
    threads=2,
    packages={"torch": "2.13.0", "numpy": "2.1.0"},
    plugins=["genwright-molecules 0.1.0"],
)


def test_an_environment_comes_back_from_plain_data() -> None:
    again = Environment.from_json(json.loads(json.dumps(HERE.to_json())))
    assert again == HERE
    assert again.digest == HERE.digest


def test_the_digest_changes_with_each_part() -> None:
    others = [
        replace(HERE, threads=3),
        replace(HERE, device="cuda"),
        replace(HERE, packages={"torch": "2.13.1", "numpy": "2.1.0"}),
        replace(HERE, plugins=[]),
    ]
    assert len({environment.digest for environment in [HERE, *others]}) == 5


def test_drift_names_what_changed_came_and_went() -> None:
    other = replace(
        HERE,
        threads=1,
        packages={"torch": "2.14.0", "rdkit": "2026.3"},
        plugins=["genwright-molecules 0.2.0", "genwright-audio 0.1.0"],
    )
    assert HERE.drift(other) == [
        "genwright-audio was absent, is 0.1.0",
        "genwright-molecules was 0.1.0, is 0.2.0",
        "numpy was 2.1.0, is absent",
        "rdkit was absent, is 2026.3",
        "threads was 2, is 1",
        "torch was 2.13.0, is 2.14.0",
    ]
    assert HERE.drift(HERE) == []


FULL = replace(
    HERE,
    processor="AMD EPYC",
    simd="AVX512",
    kernels={"matmul": "highest"},
    contents={"genwright-molecules": "5f" * 32},
)


def test_an_environment_of_before_machines_were_recorded_keeps_its_digest() -> None:
    stored = {
        "python": "3.11.7",
        "platform": "linux-x86_64",
        "device": "cpu",
        "threads": 2,
        "packages": {"torch": "2.13.0", "numpy": "2.1.0"},
        "plugins": ["genwright-molecules 0.1.0"],
    }
    assert Environment.from_json(stored) == HERE
    assert HERE.to_json() == stored
    assert HERE.digest == "a762d8a20492f809089082ddeef88c221a0b1609d751514126223861bdd122fc"


def test_a_machine_is_part_of_an_environment_and_of_its_digest() -> None:
    again = Environment.from_json(json.loads(json.dumps(FULL.to_json())))
    assert again == FULL
    changes = [{"processor": "x"}, {"simd": "x"}, {"gpu": "x"}, {"driver": "x"}, {"kernels": {}}, {"contents": {}}]
    found = {environment.digest for environment in (HERE, FULL, *(replace(FULL, **c) for c in changes))}
    assert len(found) == 2 + len(changes)


def test_drift_of_a_machine_is_a_sentence_for_each_change() -> None:
    other = replace(
        FULL,
        processor="Neoverse",
        simd="DEFAULT",
        gpu="H100",
        driver="550.54",
        kernels={"matmul": "high", "mkl": "on"},
        contents={"genwright-molecules": "aa" * 32},
    )
    assert FULL.drift(other) == [
        "GPU was absent, is H100",
        "GPU driver was absent, is 550.54",
        "SIMD was AVX512, is DEFAULT",
        "kernel setting matmul was highest, is high",
        "kernel setting mkl was absent, is on",
        "processor was AMD EPYC, is Neoverse",
        "genwright-molecules 0.1.0 was edited: its files had the SHA-256 5f5f5f5f5f5f, have aaaaaaaaaaaa",
    ]


def test_what_an_old_environment_was_not_asked_for_is_no_drift() -> None:
    packages = {**HERE.packages, "scipy": "1.17.1"}
    assert HERE.drift(replace(FULL, packages=packages)) == []
    assert replace(FULL, packages=packages).drift(replace(HERE, threads=1)) == ["threads was 2, is 1"]
    assert FULL.drift(replace(FULL, packages=packages)) == ["scipy was absent, is 1.17.1"]


def test_a_plugin_of_another_version_is_not_said_to_be_edited() -> None:
    other = replace(FULL, plugins=["genwright-molecules 0.2.0"], contents={"genwright-molecules": "aa" * 32})
    assert FULL.drift(other) == ["genwright-molecules was 0.1.0, is 0.2.0"]


def test_this_process_has_an_environment() -> None:
    import torch

    found = current_environment(device="cpu", threads=1, plugins=["b 1", "a 2"])
    assert found.packages["torch"] == torch.__version__
    assert list(found.plugins) == ["a 2", "b 1"]


def test_what_compiles_loops_is_recorded_without_being_imported() -> None:
    script = "import sys; from genwright.run import current_environment as current; "
    script += "found = current(device='cpu', threads=1, plugins=[]); print('numba' in sys.modules, *found.packages)"
    imported, *packages = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.split()
    assert imported == "False"
    assert ("numba" in packages) == (find_spec("numba") is not None)


def test_ids_are_uuids_of_version_7_that_tell_the_time() -> None:
    before = time.time_ns() // 1_000_000
    found = [new_run_id() for _ in range(1000)]
    after = time.time_ns() // 1_000_000
    assert len(set(found)) == 1000
    for id in found:
        assert (uuid.UUID(id).version, uuid.UUID(id).variant) == (7, uuid.RFC_4122)
        assert before <= int(id[:12], 16) <= after
