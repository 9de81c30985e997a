"""What `--kernels` asks for."""

from __future__ import annotations

import json
import re
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import genwright as gw
from genwright.cli import main
from genwright.cli.served import kernels
from genwright.errors import UnknownName, UsageError
from genwright.kernels.policy import POLICY, Policy

Capture = pytest.CaptureFixture[str]


def test_words_and_pairs_together_are_a_policy() -> None:
    with kernels(["reference", "invariant", "geglu=triton"]):
        assert POLICY.get() == Policy(everywhere="reference", each={"geglu": "triton"}, invariant=True)
    with kernels([]):
        assert POLICY.get() == Policy()


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("refrence", "no choice of kernels named 'refrence'.* Did you mean 'reference'"),
        ("", "no choice of kernels named ''"),
        ("geglu=tritn", "no implementation of geglu named 'tritn'"),
        ("invariant=yes", "no operation named 'invariant'"),
        ("implementation=x", "no operation named 'implementation'"),
        ("geglue=triton", "no operation named 'geglue'"),
    ],
)
def test_what_there_is_not_is_refused_with_what_there_is(asked: str, told: str) -> None:
    with pytest.raises(UnknownName, match=told), kernels([asked]):
        pass


def test_a_name_that_some_operations_have_is_a_choice_for_all() -> None:
    with kernels(["numba", "geglu=reference", "numba"]):
        assert POLICY.get() == Policy(everywhere="numba", each={"geglu": "reference"})


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (["reference", "triton"], "got 'reference' and 'triton' for all operations. Leave one of them out."),
        (["attention=triton", "reference", "attention=sdpa"], "got 'triton' and 'sdpa' for attention. Leave one"),
    ],
)
def test_two_choices_of_the_same_are_refused(asked: list[str], told: str) -> None:
    before = POLICY.get()
    with pytest.raises(UsageError, match=re.escape(told)), kernels(asked):
        pass
    assert POLICY.get() is before


@pytest.mark.parametrize(
    ("words", "recorded"),
    [
        (["reference"], {"everywhere": "reference"}),
        (["invariant"], {"invariant": True}),
        (["reference", "invariant"], {"everywhere": "reference", "invariant": True}),
    ],
)
def test_a_run_says_what_was_asked_for_and_is_replayed_so(
    rhythms: Path, rhythms_model: Path, home: Path, capsys: Capture, words: list[str], recorded: dict[str, Any]
) -> None:
    asked = [part for word in words for part in ("--kernels", word)]
    assert main(["generate", str(rhythms_model), "-n", "3", *asked]) == 0
    with closing(gw.open_store()) as store:
        run = next(iter(store.runs()))
        assert run.config["kernels"] == recorded
        assert run.config["rows"] == (16 if "invariant" in words else 128)
        assert {verdict.outcome for verdict in gw.replay(store=store)} == {"identical"}
        replay = next(store.runs(kind="replay"))
    assert json.loads(json.dumps(dict(replay.config)))["kernels"] == recorded


def test_loops_draw_where_there_are_such_and_others_elsewhere(
    rhythms: Path, rhythms_model: Path, home: Path, capsys: Capture
) -> None:
    """Asking for them once ended a run at the first operation that has none."""
    pytest.importorskip("numba", reason="numba compiles its loops")
    # Heads of this model are too narrow for one of the loops.
    asked = ["--kernels", "numba", "--kernels", "rotary_cache=automatic"]
    assert main(["generate", str(rhythms_model), "-n", "3", *asked]) == 0
    with closing(gw.open_store()) as store:
        (note,) = next(iter(store.runs())).notes
    assert "decode_attention by numba" in note
    assert "sample_logits by reference" in note


def test_a_word_that_is_not_known_ends_the_command_before_anything_is_recorded(
    rhythms: Path, rhythms_model: Path, home: Path, capsys: Capture
) -> None:
    assert main(["generate", str(rhythms_model), "-n", "3", "--kernels", "fast"]) == 2
    assert "no choice of kernels named 'fast'" in capsys.readouterr().err
    with closing(gw.open_store()) as store:
        assert list(store.runs()) == []
