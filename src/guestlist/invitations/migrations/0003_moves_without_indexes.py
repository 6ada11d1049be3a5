"""A change of status writes no index: the one with a condition on it gets another, and pages keep room for new versions."""

import django.db.models.functions.comparison
from django.db import migrations, models

_TABLE = "guestlist_invitations_invitation"
_UNIQUE = (
    f"CREATE UNIQUE INDEX CONCURRENTLY {{name}} ON {_TABLE}"
    " (website_id, invitee_id, (COALESCE(occasion_id, 0))) WHERE {condition}"
)
_JOINED = _UNIQUE.format(name="guestlist_invitation_one_joined", condition="invitee_id IS NOT NULL")
_ACCEPTED = _UNIQUE.format(
    name="guestlist_invitation_one_accepted", condition="invitee_id IS NOT NULL AND status = 'accepted'"
)
_DROP = "DROP INDEX CONCURRENTLY IF EXISTS {name}"

_REMOVE = migrations.RemoveConstraint(model_name="invitation", name="guestlist_invitation_one_accepted")
_ADD = migrations.AddConstraint(
    model_name="invitation",
    constraint=models.UniqueConstraint(
        models.F("website"),
        models.F("invitee"),
        django.db.models.functions.comparison.Coalesce("occasion", 0),
        condition=models.Q(("invitee__isnull", False)),
        name="guestlist_invitation_one_joined",
    ),
)


class _Live(migrations.SeparateDatabaseAndState):
    """Swaps the constraints: concurrently on PostgreSQL, as Django does it elsewhere."""

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        if schema_editor.connection.vendor == "postgresql":
            # A run that was interrupted leaves an index that holds nothing together.
            schema_editor.execute(_DROP.format(name="guestlist_invitation_one_joined"))
            schema_editor.execute(_JOINED)
            schema_editor.execute(_DROP.format(name="guestlist_invitation_one_accepted"))
            # What is there stays as it is; new rows leave a third of their page for the versions that follow.
            schema_editor.execute(f"ALTER TABLE {_TABLE} SET (fillfactor = 70)")
            return
        between = from_state.clone()
        _REMOVE.state_forwards(app_label, between)
        _REMOVE.database_forwards(app_label, schema_editor, from_state, between)
        _ADD.database_forwards(app_label, schema_editor, between, to_state)

    def database_backwards(self, app_label, schema_editor, from_state, to_state):
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(f"ALTER TABLE {_TABLE} RESET (fillfactor)")
            schema_editor.execute(_DROP.format(name="guestlist_invitation_one_accepted"))
            schema_editor.execute(_ACCEPTED)
            schema_editor.execute(_DROP.format(name="guestlist_invitation_one_joined"))
            return
        between = to_state.clone()
        _REMOVE.state_forwards(app_label, between)
        _ADD.database_backwards(app_label, schema_editor, from_state, between)
        _REMOVE.database_backwards(app_label, schema_editor, between, to_state)


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("guestlist_invitations", "0002_postgresql_search_and_cursor")]

    operations = [_Live(database_operations=[], state_operations=[_REMOVE, _ADD])]
