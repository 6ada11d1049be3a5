"""What only PostgreSQL has: the trigram index of addresses, and each event's transaction id for readers with a cursor."""

from django.db import migrations

_FORWARDS = (
    "CREATE EXTENSION IF NOT EXISTS pg_trgm",
    "CREATE INDEX guestlist_address_trigram ON guestlist_invitations_invitationaddress"
    " USING gin (normalized gin_trgm_ops)",
    "ALTER TABLE guestlist_invitations_invitationevent"
    " ADD COLUMN transaction xid8 NOT NULL DEFAULT pg_current_xact_id()",
)
_BACKWARDS = (
    "ALTER TABLE guestlist_invitations_invitationevent DROP COLUMN transaction",
    "DROP INDEX guestlist_address_trigram",
)


def _run(statements):
    def run(apps, schema_editor):
        if schema_editor.connection.vendor == "postgresql":
            for statement in statements:
                schema_editor.execute(statement)

    return run


class Migration(migrations.Migration):
    dependencies = [("guestlist_invitations", "0001_invitations")]

    operations = [migrations.RunPython(_run(_FORWARDS), _run(_BACKWARDS))]
