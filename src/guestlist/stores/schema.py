"""Whether the database has the tables that this release works with."""

from __future__ import annotations

from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.db.migrations.executor import MigrationExecutor


def is_current() -> bool:
    """Tell whether every migration is applied.

    :raises django.db.Error: when the database cannot be asked.
    """
    executor = MigrationExecutor(connection)
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())


def require() -> None:
    """Let nothing begin without its tables.

    :raises ImproperlyConfigured: when a migration is not applied.
    :raises django.db.Error: when the database cannot be asked.
    """
    if not is_current():
        raise ImproperlyConfigured(
            "The database has no tables yet (or those of an older release): run guestlist migrate."
        )
