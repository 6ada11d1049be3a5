"""Gives the addresses of the past their website, some thousands at a time: each is a short transaction of its own.

Who ends it in the middle may begin again: it goes on where it was. The indexes come after, so that none is written twice.
"""

from django.db import migrations
from django.db.models import Max, OuterRef, Subquery

_AT_ONCE = 5_000


def _fill(apps, schema_editor):
    connection = schema_editor.connection
    invitations = apps.get_model("guestlist_invitations", "Invitation").objects.using(connection.alias)
    addresses = apps.get_model("guestlist_invitations", "InvitationAddress").objects.using(connection.alias)
    last = invitations.aggregate(last=Max("pk"))["last"] or 0
    website = Subquery(invitations.filter(pk=OuterRef("pk")).values("website")[:1])
    for start in range(0, last + 1, _AT_ONCE):
        some = addresses.filter(pk__gte=start, pk__lt=start + _AT_ONCE, website=None)
        some.update(website=website)
    if last and connection.vendor == "postgresql":
        # The old versions of the rows would stand in the indexes to come, and the planner would take all for empty.
        schema_editor.execute(f"VACUUM (ANALYZE) {addresses.model._meta.db_table}")


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("guestlist_invitations", "0010_address_website")]

    operations = [migrations.RunPython(_fill, migrations.RunPython.noop)]
