"""Functions of SQL that each database spells in its own way."""

from __future__ import annotations

from typing import Any, final

from sqlalchemy import Boolean, ColumnElement, LargeBinary, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

__all__ = ["as_bytes", "contains"]


@final
class as_bytes(FunctionElement[bytes]):
    """The bytes of a text, in UTF-8."""

    name = "as_bytes"
    type = LargeBinary()
    inherit_cache = True


@final
class _Contains(FunctionElement[bool]):
    name = "contains"
    type = Boolean()
    inherit_cache = True


def contains(column: ColumnElement[Any], part: str | bytes) -> ColumnElement[bool]:
    """Whether a text holds another, or bytes others, to the letter."""
    return _Contains(column, literal(part))


@compiles(as_bytes, "sqlite")
def _(element: as_bytes, compiler: Any, **options: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **options)} AS BLOB)"


@compiles(as_bytes, "postgresql")
def _(element: as_bytes, compiler: Any, **options: Any) -> str:
    return f"convert_to({compiler.process(element.clauses, **options)}, 'UTF8')"


@compiles(_Contains, "sqlite")
def _(element: _Contains, compiler: Any, **options: Any) -> str:
    return f"instr({compiler.process(element.clauses, **options)}) > 0"


@compiles(_Contains, "postgresql")
def _(element: _Contains, compiler: Any, **options: Any) -> str:
    # position() takes bytes as well as text; strpos() takes text alone.
    whole, part = (compiler.process(clause, **options) for clause in element.clauses)
    return f"position({part} IN {whole}) > 0"
