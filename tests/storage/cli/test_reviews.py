import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from genwright.cli import main
from genwright.testing.stores import make_record, make_run
from genwright_storage.store import SQLStore

Capture = pytest.CaptureFixture[str]
RUN = "a" * 32

POLICY = """
from genwright.hooks import hookimpl
from genwright.samples import Review
from genwright.specs import ReviewerSpec

class Policy:
    def __call__(self, items):
        passed = [len(item) < 4 for item in items]
        return [Review(reviewer="short", passed=one, reason="" if one else "long") for one in passed]

@hookimpl
def register_reviewers():
    yield ReviewerSpec(name="short", target=f"{__name__}:Policy", summary="short ones", domain="molecules")
"""


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A store, the default one, with a run of six samples, the last of them flawed."""
    url = f"sqlite:///{tmp_path / 'store'}"
    monkeypatch.setenv("GENWRIGHT_STORE", url)
    monkeypatch.setenv("GENWRIGHT_ACTOR", "ada@lab.example")
    with closing(SQLStore(url)) as store:
        run = make_run(id=RUN)
        store.put_run(run)
        store.put_samples([make_record(run, index, flaw="bad" if index == 5 else None) for index in range(6)])
    return url


def test_samples_are_accepted_and_rejected_by_name(url: str, capsys: Capture) -> None:
    assert main(["samples", "reviews", "LAST/0"]) == 1
    assert main(["samples", "review", "LAST/0", "LAST/1", "--reject", "--reason", "a ring of nine"]) == 0
    assert "Rejected 2 samples as ada@lab.example." in capsys.readouterr().err
    assert main(["samples", "review", "LAST/0", "--accept", "--reason", "fine", "--meaning", "approval"]) == 0
    assert main(["samples", "reviews", "LAST/0", "--json"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one["accepted"], one["meaning"], one["by"]) for one in found] == [
        (False, "review", "ada@lab.example"),
        (True, "approval", "ada@lab.example"),
    ]
    assert main(["samples", "reviews", "LAST/0"]) == 0
    assert "rejected  review    a ring of nine" in capsys.readouterr().out
    assert main(["audit", "verify"]) == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["--accept", "--reason", "x"],
        ["LAST/0", "--reason", "x"],
        ["LAST/0", "--accept"],
        ["LAST/0", "--accept", "--reason", " "],
    ],
)
def test_a_review_needs_samples_a_verdict_and_a_reason(url: str, arguments: list[str], capsys: Capture) -> None:
    assert main(["samples", "review", *arguments]) == 2
    assert "a review takes ids of samples, --accept or --reject, and --reason" in capsys.readouterr().err


def test_an_installed_reviewer_says_of_stored_samples(url: str, install: Callable[..., None], capsys: Capture) -> None:
    install("policy", POLICY)
    assert main(["samples", "review", "--by", "short", "--run", "LAST"]) == 0
    assert "short accepted 2 samples and rejected 3." in capsys.readouterr().err
    assert main(["samples", "review", "LAST/4", "LAST/5", "--by", "short"]) == 0
    assert "short accepted 0 samples and rejected 1." in capsys.readouterr().err
    assert main(["samples", "reviews", "LAST/4", "--json"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one["by"], one["accepted"], one["reason"]) for one in found] == [("plugin:short", False, "long")] * 2
    assert main(["samples", "reviews", "LAST/5"]) == 1
    assert main(["audit", "verify"]) == 0


def test_a_reviewer_of_another_domain_is_refused(url: str, install: Callable[..., None], capsys: Capture) -> None:
    install("policy", POLICY.replace('"molecules"', '"images"'))
    assert main(["samples", "review", "--by", "short"]) == 2
    assert "reviewer 'short' is of images, not of molecules" in capsys.readouterr().err


def test_the_verdict_of_a_reviewer_is_its_own(url: str, capsys: Capture) -> None:
    assert main(["samples", "review", "LAST/0", "--by", "short", "--accept"]) == 2
    assert "the verdict is that of short; got one of your own beside --by. Leave one out." in capsys.readouterr().err


def test_reviews_are_counted_as_json(url: str, install: Callable[..., None], capsys: Capture) -> None:
    install("policy", POLICY)
    for arguments, by, accepted, rejected in (
        (["LAST/0", "LAST/1", "--accept", "--reason", "fine"], "ada@lab.example", 2, 0),
        (["LAST/2", "--reject", "--reason", "poor"], "ada@lab.example", 0, 1),
        (["--by", "short", "--run", "LAST"], "plugin:short", 2, 3),
    ):
        assert main(["samples", "review", *arguments, "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == {"by": by, "accepted": accepted, "rejected": rejected}
