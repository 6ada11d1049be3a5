"""A lookup for long lists: on PostgreSQL one array instead of a parameter for each value.

`__in` with 500 values costs Django and the driver about 10 µs for each of them, `__any_of` a tenth of that; delivery asks
four such questions for each batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import Field
from django.db.models.lookups import In, Lookup

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.models.sql.compiler import SQLCompiler


class AnyOf(Lookup):
    """``field__any_of=values``: the field is one of a list of plain values, as its column has them."""

    lookup_name = "any_of"
    prepare_rhs = False

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, Any]:
        """Ask as `__in` does."""
        return In(self.lhs, list(self.rhs)).as_sql(compiler, connection)

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, list[Any]]:
        """Ask with one array."""
        left, parameters = self.process_lhs(compiler, connection)
        return f"{left} = ANY(%s)", [*parameters, list(self.rhs)]


def register() -> None:
    """Make the lookup known to all fields."""
    Field.register_lookup(AnyOf)
