"""`genwright store roles`: who may do what in a store."""

from __future__ import annotations

import click

from genwright.cli.group import Listing
from genwright.cli.output import json_option, print_json, print_table, say, tell
from genwright.cli.store import store_option
from genwright_storage import actors, roles
from genwright_storage.cli.erasure import moment
from genwright_storage.cli.opening import opened_sql
from genwright_storage.roles import ROLES, Role

__all__ = ["manage"]

_role = click.argument("role", type=click.Choice(ROLES))


@click.group("roles", cls=Listing)
def manage() -> None:
    """List who may do what in the store, give a role to somebody, or take it away.

    All who have a role may read. A generator may record, a reviewer review, an auditor verify and place legal holds,
    and an admin may do everything, also erase.
    """


@manage.command("list")
@store_option
@json_option
def _list(where: str | None, as_json: bool) -> None:
    """List who has which role, also those that were taken away."""
    with opened_sql(where) as store:
        found = roles.granted(store)
    if as_json:
        said = ("holder", "role", "scope", "placer", "placed_ns", "ender", "ended_reason", "ended_ns")
        print_json([{name: getattr(row, name) for name in said} for row in found])
        return
    rows = [(row.holder, row.role, row.placer, moment(row.placed_ns), moment(row.ended_ns)) for row in found]
    print_table(("who", "role", "granted by", "granted (UTC)", "revoked (UTC)"), rows)
    if not any(row.ended_ns is None for row in found):
        say(f"Nobody has a role, so everybody may do everything. You are {actors.current().subject}.")


@manage.command("grant")
@click.argument("subject")
@_role
@store_option
@json_option
def _grant(subject: str, role: Role, where: str | None, as_json: bool) -> None:
    """Give SUBJECT a role. The first one makes an admin; from then on nobody does anything without a role."""
    with opened_sql(where, writing=True) as store:
        roles.grant(store, subject, role)
    tell(f"{subject} is {role}. You are {actors.current().subject}.", as_json, holder=subject, role=role)


@manage.command("revoke")
@click.argument("subject")
@_role
@click.option("--reason", required=True, metavar="TEXT", help="Why; it is written in the ledger.")
@store_option
@json_option
def _revoke(subject: str, role: Role, reason: str, where: str | None, as_json: bool) -> None:
    """Take a role from SUBJECT. The last admin stays."""
    with opened_sql(where, writing=True) as store:
        roles.revoke(store, subject, role, reason=reason)
    tell(f"{subject} is no longer {role}.", as_json, holder=subject, role=role)
