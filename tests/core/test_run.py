from __future__ import annotations

import json
import time
import uuid
from dataclasses import replace

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


def test_this_process_has_an_environment() -> None:
    import torch

    found = current_environment(device="cpu", threads=1, plugins=["b 1", "a 2"])
    assert found.packages["torch"] == torch.__version__
    assert list(found.plugins) == ["a 2", "b 1"]


def test_ids_are_uuids_of_version_7_that_tell_the_time() -> None:
    before = time.time_ns() // 1_000_000
    found = [new_run_id() for _ in range(1000)]
    after = time.time_ns() // 1_000_000
    assert len(set(found)) == 1000
    for id in found:
        assert (uuid.UUID(id).version, uuid.UUID(id).variant) == (7, uuid.RFC_4122)
        assert before <= int(id[:12], 16) <= after
