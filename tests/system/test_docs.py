"""The documentation says what the code does: no name, code, hook or link of it is out of date."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

import genwright
from genwright import errors, hooks

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")] + sorted(DOCS.rglob("*.md"))


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def signatures() -> list[str]:
    """Return the hooks as the reference writes them."""
    classes = [node for node in ast.parse(inspect.getsource(hooks)).body if isinstance(node, ast.ClassDef)]
    functions = [node for one in classes for node in one.body if isinstance(node, ast.FunctionDef)]
    return [f"def {one.name}({arguments(one)}) -> {ast.unparse(one.returns or one)}" for one in functions]


def arguments(function: ast.FunctionDef) -> str:
    found = [argument for argument in function.args.args if argument.arg != "self"]
    return ", ".join(f"{one.arg}: {ast.unparse(one.annotation or one)}" for one in found)


def test_every_code_of_an_error_is_explained_with_its_class_and_no_other() -> None:
    classes = [thing for thing in (getattr(errors, name) for name in errors.__all__) if isinstance(thing, type)]
    explained = re.findall(r"^\| `([a-z-]+)` \| `(\w+)` \| \S", read("docs/errors.md"), re.MULTILINE)
    assert sorted(explained) == sorted((found.code, found.__name__) for found in classes)


def test_every_hook_stands_in_the_reference_as_it_is() -> None:
    written = re.findall(r"^(def .*?) *(?:#.*)?$", read("docs/reference/hooks.md"), re.MULTILINE)
    assert len(written) == 17
    assert written == signatures()


def test_every_public_name_is_documented_and_no_other() -> None:
    rows = re.findall(r"^\|(.*?)\|", read("docs/reference/api.md"), re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`gw\.(\w+)", row)}
    assert named == set(genwright.__all__)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_that_are_there(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_that_pages_name_exist(page: Path) -> None:
    import click

    from genwright.cli import genwright as commands

    context = click.Context(commands)
    text = page.read_text(encoding="utf-8")
    for name, inner in re.findall(r"(?:^|`)genwright ([a-z]+)(?: ([a-z-]+))?", text, re.MULTILINE):
        command = commands.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group) and inner:
            assert command.get_command(context, inner) is not None, f"genwright {name} {inner}"


def test_decisions_are_numbered_without_a_gap() -> None:
    numbers = [int(path.name[:4]) for path in sorted((DOCS / "decisions").glob("*.md"))]
    assert numbers == list(range(1, len(numbers) + 1))
