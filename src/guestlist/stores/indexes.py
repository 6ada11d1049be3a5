"""Indexes on tables that shops are using: made and dropped beside the traffic where the database can."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db.migrations.operations import AddIndex, RemoveIndex

if TYPE_CHECKING:
    from django.db.backends.base.schema import BaseDatabaseSchemaEditor
    from django.db.migrations.state import ProjectState

_CONCURRENT = "postgresql"


class AddIndexLive(AddIndexConcurrently):
    """Adds an index, concurrently on PostgreSQL; the migration needs ``atomic = False``.

    A run that was interrupted leaves an index that PostgreSQL keeps but never uses: it is dropped and made anew.
    """

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Make it."""
        own: type[AddIndex] = AddIndex
        if schema_editor.connection.vendor == _CONCURRENT:
            own = AddIndexConcurrently
            name = schema_editor.quote_name(self.index.name)
            schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
        own.database_forwards(self, app_label, schema_editor, from_state, to_state)

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Drop it."""
        own = AddIndexConcurrently if schema_editor.connection.vendor == _CONCURRENT else AddIndex
        own.database_backwards(self, app_label, schema_editor, from_state, to_state)


class RemoveIndexLive(RemoveIndexConcurrently):
    """Drops an index, concurrently on PostgreSQL; the migration needs ``atomic = False``."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Drop it."""
        own = RemoveIndexConcurrently if schema_editor.connection.vendor == _CONCURRENT else RemoveIndex
        own.database_forwards(self, app_label, schema_editor, from_state, to_state)

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Make it."""
        own = RemoveIndexConcurrently if schema_editor.connection.vendor == _CONCURRENT else RemoveIndex
        own.database_backwards(self, app_label, schema_editor, from_state, to_state)
