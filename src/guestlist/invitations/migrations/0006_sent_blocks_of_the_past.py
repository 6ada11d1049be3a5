"""Fills the table of blocks from what was sent so far: reads the invitations once, in parts, and locks none."""

import datetime

from django.db import migrations
from django.db.models import F, Max
from django.db.models.functions import TruncDate

_BLOCK = 4096
_AT_ONCE = 50 * _BLOCK


def _fill(apps, schema_editor):
    invitations = apps.get_model("guestlist_invitations", "Invitation").objects.using(
        schema_editor.connection.alias
    )
    blocks = apps.get_model("guestlist_invitations", "SentBlock")
    last = invitations.aggregate(last=Max("pk"))["last"] or 0
    for start in range(0, last + 1, _AT_ONCE):
        rows = (
            invitations.filter(pk__gte=start, pk__lt=start + _AT_ONCE, sent_at__isnull=False)
            .annotate(
                day=TruncDate("sent_at", tzinfo=datetime.UTC),
                until=TruncDate("expires_at", tzinfo=datetime.UTC),
                block=F("pk") / _BLOCK,
            )
            .order_by()
            .values_list("day", "until", "block")
            .distinct()
        )
        blocks.objects.using(schema_editor.connection.alias).bulk_create(
            [
                blocks(day=day, until=until or datetime.date.max, block=block)
                for day, until, block in sorted(rows, key=str)
            ],
            batch_size=1_000,
            ignore_conflicts=True,
        )


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("guestlist_invitations", "0005_sent_blocks")]

    operations = [migrations.RunPython(_fill, migrations.RunPython.noop)]
