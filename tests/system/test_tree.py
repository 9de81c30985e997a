"""The rules of the tree: which way imports point, how long things are, what is named and tested."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PARTS = {
    "genwright": ROOT / "core" / "src" / "genwright",
    "genwright_storage": ROOT / "storage" / "src" / "genwright_storage",
    **{file.parent.name: file.parent for file in sorted(ROOT.glob("plugins/*/src/genwright_*/__init__.py"))},
    **{file.parent.name: file.parent for file in sorted(ROOT.glob("examples/*/src/genwright_*/__init__.py"))},
    "benchmarks": ROOT / "benchmarks",
}
TESTS = {"genwright": "core", "genwright_storage": "storage", "benchmarks": "benchmarks"}
INSTALLED = [part for part in PARTS if part != "benchmarks"]
LONGEST_FILE, LONGEST_FUNCTION = 500, 40
BANNED = {"util", "utils", "common", "base", "helper", "helpers", "misc", "tools", "manager", "handlers", "core"}

LIGHT = (
    "builtin datasets diagram distributions domain errors exports hooks lineages memory metrics observers folders "
    "options recipe registry replays run samples space specs"
)

WITHOUT_A_TEST = {
    "genwright/__main__.py": "calls main, as tests/system/test_lazy.py does through it",
    "genwright/hooks.py": "declares; tests/core/test_registry.py holds plugins to it",
    "genwright/family.py": "abstract; each family is tested",
    "genwright/sampler.py": "abstract; each sampler is tested",
    "genwright/encoder.py": "abstract; each encoder is tested",
    "genwright/builtin.py": "declares; tests/core/test_registry.py loads it as the first plugin",
    "genwright/testing/searches.py": "is itself tests; tests/core/test_memory.py runs them",
    "genwright/testing/stores.py": "is itself tests; tests/core/test_store.py runs them",
    "genwright_storage/migrations/versions/v0_1_0.py": "a migration; the tests of the migrations run it",
    "genwright_storage/migrations/versions/v0_2_0.py": "a migration; the tests of the migrations run it",
    "genwright_storage/backup.py": "tests/storage/cli/test_store.py makes backups",
    "genwright_storage/cli/opening.py": "tests/storage/cli/test_audit.py opens stores that serve and one that does not",
    "genwright_storage/migrations/__init__.py": "tests/storage/test_sqlite.py opens stores of each revision",
    "genwright_storage/migrations/statements.py": "tests/storage/test_sqlite.py migrates",
    "genwright_storage/database.py": "a protocol; tests/storage/test_sqlite.py and test_postgresql.py hold each to it",
    "genwright_storage/functions.py": "tests/storage/test_store.py and test_postgresql.py search and verify with each",
    "genwright_storage/heads.py": "tests/storage/test_ledger.py signs, replaces keys, forges and cuts",
    "genwright/__init__.py": "names; tests/system/test_lazy.py and test_docs.py go through them",
    "genwright/engine.py": "abstract; each engine is tested",
    "genwright_storage/migrations/upgrade.py": "tests/storage/test_sqlite.py migrates",
    "genwright_storage/signing.py": "tests/storage/test_ledger.py and test_forgery.py sign, replace keys, and forge",
    "genwright_storage/plugin.py": "declares; tests/system/test_lazy.py lists it",
    "genwright_storage/terms.py": "tests/storage/test_holds.py, test_retention.py and test_roles.py place and end each",
    "genwright_storage/queries.py": "genwright.testing.StoreTests asks each question, in tests/storage/test_store.py",
    "genwright_storage/rows.py": "tests/storage/test_store.py reads back each row it makes",
    "genwright_storage/tables.py": "tests/storage/test_sqlite.py compares it with what the migrations make",
    "genwright_storage/verification.py": "tests/storage/test_store.py tampers with every column",
    "genwright_storage/samples.py": "tests/storage/test_store.py tampers with every column, test_shares.py with shares",
    "genwright/cli/output.py": "prints; tests/core/cli/test_cli.py reads what it prints",
    "genwright/cli/group.py": "tests/core/cli/test_cli.py adds to a group",
    "genwright/cli/devices.py": "tests/core/cli/test_doctor.py runs it",
}


def sources(*, of: str | None = None) -> list[Path]:
    parts = PARTS.values() if of is None else [PARTS[of]]
    return [path for part in parts for path in sorted(part.rglob("*.py"))]


def named(path: Path) -> str:
    """Return how a source file is written here: "genwright/cli/data.py"."""
    part = next(part for part in PARTS.values() if path.is_relative_to(part))
    return str(path.relative_to(part.parent))


def imports(tree: ast.AST, *, everywhere: bool) -> Iterator[str]:
    """Yield the modules that a file imports: when it is imported itself, or `everywhere` in it."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node.module or ""
        elif everywhere or not (isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or for_type_checkers(node)):
            yield from imports(node, everywhere=everywhere)


def for_type_checkers(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def test_the_tree_is_found() -> None:
    assert {"genwright", "genwright_rhythms", "benchmarks"} <= PARTS.keys()
    assert len(sources()) > 50


@pytest.mark.parametrize("part", INSTALLED)
def test_a_part_imports_itself_and_core_and_no_other_part(part: str) -> None:
    wrong = [
        f"{named(path)} imports {module}"
        for path in sources(of=part)
        for module in imports(parsed(path), everywhere=True)
        if module.partition(".")[0] in PARTS and module.partition(".")[0] not in (part, "genwright")
    ]
    assert wrong == []


def test_light_files_of_core_import_no_torch() -> None:
    files = [PARTS["genwright"] / f"{name}.py" for name in LIGHT.split()]
    files += (PARTS["genwright"] / "cli").glob("*.py")
    files += [PARTS[part] / "plugin.py" for part in INSTALLED if part != "genwright"]
    wrong = [
        f"{named(path)} imports {module}"
        for path in files
        for module in imports(parsed(path), everywhere=False)
        if module.partition(".")[0] in ("torch", "lightning", "jaxtyping")
    ]
    assert wrong == []


def allowance(path: Path) -> int:
    return 2 if "kernels" in path.parts else 1


def test_files_are_short() -> None:
    lengths = {named(path): len(path.read_text(encoding="utf-8").splitlines()) / allowance(path) for path in sources()}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}


def test_functions_are_short() -> None:
    lengths = {
        f"{named(path)}: {node.name}": body_length(node) / allowance(path)
        for path in sources()
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not is_a_list_of_specs(path, node.name)
    }
    assert {name: length for name, length in lengths.items() if length > LONGEST_FUNCTION} == {}


def body_length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the lines of what a function does: the formatter gives each parameter one, and docstrings are welcome."""
    body = function.body[1:] if ast.get_docstring(function) and len(function.body) > 1 else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1


def is_a_list_of_specs(path: Path, function: str) -> bool:
    """Say whether a function declares components, which is data, however many they are."""
    return path.stem in ("plugin", "builtin") and function.startswith("register_")


def test_files_are_named_by_what_they_define() -> None:
    assert [named(path) for path in sources() if path.stem in BANNED] == []


def mirrored(path: Path) -> Path:
    """Return where the test of a source file is."""
    part = next(name for name, folder in PARTS.items() if path.is_relative_to(folder))
    folder = ROOT / "tests" / TESTS.get(part, f"plugins/{part.removeprefix('genwright_')}")
    inner = path.relative_to(PARTS[part])
    noun = inner.parent.name if inner.stem == "__init__" else inner.stem
    return folder / inner.parent / f"test_{noun}.py"


def has_code(path: Path) -> bool:
    """Say whether a file does anything: docstrings, imports and constants aside."""
    return any(isinstance(node, ast.FunctionDef | ast.ClassDef) for node in ast.walk(parsed(path)))


def test_every_source_has_its_test() -> None:
    examples = [PARTS[name] for name in PARTS if PARTS[name].is_relative_to(ROOT / "examples")]
    tested = [path for path in sources() if has_code(path) and not any(path.is_relative_to(part) for part in examples)]
    missing = [named(path) for path in tested if not mirrored(path).is_file() and named(path) not in WITHOUT_A_TEST]
    assert missing == []


def test_what_is_excused_from_having_a_test_exists_and_has_none() -> None:
    paths = {named(path): path for path in sources()}
    assert [name for name in WITHOUT_A_TEST if name not in paths or mirrored(paths[name]).is_file()] == []
