import inspect
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from genwright.errors import Forbidden, UsageError
from genwright.query import Query
from genwright.run import Run
from genwright.store import Score, StoredCheckpoint
from genwright.testing.stores import make_checkpoint, make_record, make_run
from genwright_storage import backup, collection, erasure, evidence, holds, retention, reviews, roles
from genwright_storage.roles import ROLES, SERVES, Role
from genwright_storage.sqlite import SQLiteDatabase
from genwright_storage.store import SQLStore

Operation = Callable[[SQLStore, Path], object]
Become = Callable[[str], None]


@pytest.fixture
def become(monkeypatch: pytest.MonkeyPatch) -> Become:
    return lambda name: monkeypatch.setenv("GENWRIGHT_ACTOR", name)


@pytest.fixture(autouse=True)
def _own_keys(tmp_path: Path, made: Path, shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Copies of one store share its keys, of which a test may retire one."""
    shutil.copytree(os.environ["GENWRIGHT_KEYS"], tmp_path / "keys")
    monkeypatch.setenv("GENWRIGHT_KEYS", str(tmp_path / "keys"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a store with something to do everything to, before anybody has a role."""
    path = tmp_path_factory.mktemp("made") / "store"
    with closing(SQLStore(f"sqlite:///{path}")) as store:
        run = make_run(id="a" * 32, started=1)
        store.put_run(run)
        store.put_samples([make_record(run, index) for index in range(3)])
        store.put_checkpoint(make_checkpoint())
        holds.place(store, "sample:LAST/2", reason="a dispute")
        retention.retain(store, "all", days=100_000, reason="space")
    return path


@pytest.fixture(scope="module")
def shared(made: Path) -> Path:
    """The file of the same store, in which everybody has the role that is their name."""
    path = made.with_name("shared")
    shutil.copy(made, path)
    with pytest.MonkeyPatch.context() as patch, closing(SQLStore(f"sqlite:///{path}")) as store:
        patch.setenv("GENWRIGHT_ACTOR", "root")
        for holder, role in (("root", "admin"), *zip(ROLES, ROLES, strict=True)):
            roles.grant(store, holder, role)  # type: ignore[arg-type]
    return path


@pytest.fixture
def store(made: Path, tmp_path: Path, become: Become) -> Iterator[SQLStore]:
    shutil.copy(made, tmp_path / "store")
    become("root")
    with closing(SQLStore(f"sqlite:///{tmp_path / 'store'}")) as store:
        yield store


RUN = make_run(id="a" * 32, started=1)
OTHER = StoredCheckpoint(digest="c" * 64, name="n", domain="molecules", card="{}", files={})

# What each public operation needs. A new one that is not here fails the test below.
OF_STORE: dict[str, tuple[Role, Operation]] = {
    "put_run": ("generator", lambda store, _: store.put_run(make_run())),
    "finish_run": ("generator", lambda store, _: store.finish_run("a" * 32, "finished")),
    "put_checkpoint": ("generator", lambda store, _: store.put_checkpoint(OTHER)),
    "put_samples": ("generator", lambda store, _: store.put_samples([make_record(RUN, 5)])),
    "put_scores": ("generator", lambda store, _: store.put_scores(RUN.id, [Score(metric="x", value=1)])),
    "run": ("viewer", lambda store, _: store.run("LAST")),
    "runs": ("viewer", lambda store, _: list(store.runs())),
    "checkpoint": ("viewer", lambda store, _: store.checkpoint("5f1c")),
    "sample": ("viewer", lambda store, _: store.sample("LAST/0")),
    "samples": ("viewer", lambda store, _: list(store.samples())),
    "missing": ("viewer", lambda store, _: list(store.missing("LAST"))),
    "scores": ("viewer", lambda store, _: store.scores("LAST")),
    "verify": ("auditor", lambda store, _: list(store.verify())),
    "info": ("viewer", lambda store, _: store.info()),
    "search": ("viewer", lambda store, _: list(store.search(Query(match="CCO")))),
    "evidence": ("viewer", lambda store, _: store.evidence("LAST/0")),
    "rotate_key": ("admin", lambda store, _: store.rotate_key("a year has passed")),
}
BESIDE: dict[str, tuple[Role, Operation]] = {
    "reviews.put": ("reviewer", lambda store, _: reviews.put(store, {f"{RUN.id}/0": (True, "fine")})),
    "reviews.of": ("viewer", lambda store, _: reviews.of(store, "LAST/0")),
    "reviews.standing": ("viewer", lambda store, _: list(reviews.standing(store, accepted=True))),
    "holds.place": ("auditor", lambda store, _: holds.place(store, "all", reason="a dispute")),
    "holds.release": ("auditor", lambda store, _: holds.release(store, 1, reason="settled")),
    "holds.listed": ("viewer", lambda store, _: holds.listed(store)),
    "retention.retain": ("admin", lambda store, _: retention.retain(store, "all", days=1, reason="space")),
    "retention.end": ("admin", lambda store, _: retention.end(store, 1, reason="enough")),
    "retention.listed": ("viewer", lambda store, _: retention.listed(store)),
    "retention.apply": ("admin", lambda store, _: retention.apply(store)),
    "erasure.erase": ("admin", lambda store, _: erasure.erase(store, [f"{RUN.id}/0"], reason="asked for")),
    "roles.grant": ("admin", lambda store, _: roles.grant(store, "eve", "viewer")),
    "roles.revoke": ("admin", lambda store, _: roles.revoke(store, "viewer", "viewer", reason="left")),
    "roles.granted": ("viewer", lambda store, _: roles.granted(store)),
    "evidence.place": ("viewer", lambda store, _: evidence.place(store, "LAST/0")),
    "evidence.prove": ("viewer", lambda store, _: evidence.prove(store, "LAST/0")),
    "collection.collect": ("admin", lambda store, _: list(collection.collect(store))),
    "collection.orphans": ("viewer", lambda store, _: list(collection.orphans(store))),
    "backup.write_backup": ("viewer", lambda store, folder: backup.write_backup(store, folder / "copy")),
}


def test_every_operation_of_the_store_is_in_the_matrix() -> None:
    public = {name for name, _ in inspect.getmembers(SQLStore, inspect.isfunction) if not name.startswith("_")}
    assert public - {"close"} == OF_STORE.keys()
    modules = (reviews, holds, retention, erasure, roles, evidence, collection, backup)
    functions = {
        f"{module.__name__.rpartition('.')[2]}.{name}"
        for module in modules
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and next(iter(inspect.signature(function).parameters), "") == "store"
        if not name.startswith("_")
    }
    # What the store does of itself, whoever opens it.
    assert functions - {"erasure.complete"} == BESIDE.keys()


@pytest.mark.parametrize("role", [*ROLES, None])
@pytest.mark.parametrize("name", [*OF_STORE, *BESIDE])
def test_an_operation_is_for_who_has_a_role_that_serves(
    shared: Path, become: Become, tmp_path: Path, name: str, role: Role | None
) -> None:
    needed, operation = (OF_STORE | BESIDE)[name]
    shutil.copy(shared, tmp_path / "store")
    become(role or "nobody")
    with closing(SQLStore(f"sqlite:///{tmp_path / 'store'}")) as store:
        if role is not None and role in SERVES[needed]:
            operation(store, tmp_path)
            return
        message = rf"needs the role {needed} in the store; \w+ has {role or 'none'}. Ask an admin: admin, root."
        with pytest.raises(Forbidden, match=message):
            operation(store, tmp_path)


@pytest.mark.parametrize("name", [name for name in OF_STORE | BESIDE if not name.startswith("roles.")])
def test_without_roles_everybody_may_do_everything(store: SQLStore, become: Become, tmp_path: Path, name: str) -> None:
    become("nobody")
    (OF_STORE | BESIDE)[name][1](store, tmp_path)
    assert roles.granted(store) == []


def test_the_first_role_makes_an_admin(store: SQLStore) -> None:
    with pytest.raises(UsageError, match=r"the first role makes an admin, who grants the others; got viewer for 'eve'"):
        roles.grant(store, "eve", "viewer")
    assert roles.granted(store) == []


def test_the_last_admin_stays(store: SQLStore) -> None:
    roles.grant(store, "root", "admin")
    roles.grant(store, "eve", "viewer")
    with pytest.raises(
        Forbidden, match=r"'root' was to lose the role admin; nobody else has it.*Make another one first"
    ):
        roles.revoke(store, "root", "admin", reason="left")
    roles.grant(store, "eve", "admin")
    roles.revoke(store, "root", "admin", reason="left")
    with pytest.raises(Forbidden, match="root has none"):
        store.runs().__next__()


def test_a_role_that_somebody_does_not_have_cannot_be_taken(store: SQLStore) -> None:
    roles.grant(store, "root", "admin")
    with pytest.raises(UsageError, match=r"'eve' was to lose the role viewer; they have none. See: store roles list"):
        roles.revoke(store, "eve", "viewer", reason="left")


def test_a_role_is_had_once(store: SQLStore) -> None:
    for _ in range(2):
        roles.grant(store, "root", "admin")
    assert [(row.holder, row.role, row.placer) for row in roles.granted(store)] == [("root", "admin", "root")]
    assert list(store.verify()) == []


def test_what_another_process_grants_and_revokes_holds_here_at_once(store: SQLStore, become: Become) -> None:
    with closing(SQLStore(store.url)) as other:
        roles.grant(other, "root", "admin")
        become("eve")
        with pytest.raises(Forbidden):
            store.run("LAST")
        become("root")
        roles.grant(other, "eve", "viewer")
        become("eve")
        store.run("LAST")
        become("root")
        roles.revoke(other, "eve", "viewer", reason="left")
        become("eve")
        with pytest.raises(Forbidden):
            store.run("LAST")


def test_what_was_left_due_is_completed_by_whoever_opens_the_store(
    store: SQLStore, become: Become, monkeypatch: pytest.MonkeyPatch
) -> None:
    roles.grant(store, "root", "admin")
    with monkeypatch.context() as patch:
        patch.setattr(erasure, "complete", lambda _: False)
        erasure.erase(store, [f"{RUN.id}/0"], reason="asked for")
    become("nobody")
    SQLStore(store.url).close()
    become("root")
    assert list(store.verify()) == []


@pytest.mark.parametrize("count", [0, 100])
def test_asking_for_a_role_costs_next_to_nothing(store: SQLStore, count: int) -> None:
    if count:
        roles.grant(store, "root", "admin")
    for number in range(count):
        roles.grant(store, f"somebody {number}", "viewer")
    assert isinstance(store.database, SQLiteDatabase)
    gate, times = store.database._gate, []
    with store.database.reading() as connection:
        raw = connection.connection.driver_connection
        for _ in range(200):
            start = time.perf_counter()
            gate.require(raw, "generator")
            times.append(time.perf_counter() - start)
    assert min(times) < 30e-6


def test_a_run_that_is_replayed_by_who_may_only_read_is_not_recorded(store: SQLStore, become: Become) -> None:
    from genwright.verdict import _takes

    roles.grant(store, "root", "admin")
    become("nobody")
    replay: Run = make_run(kind="replay")
    with pytest.warns(UserWarning, match=r"this replay is not recorded: this needs the role generator"):
        assert not _takes(store, replay)
