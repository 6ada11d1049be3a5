"""Counts what was made so far and has not left: a part at a time, each a short transaction of its own.

Who ends it in the middle may begin again: it goes on where it was. What leaves at this very moment is left out.
"""

import datetime
from collections import defaultdict
from zoneinfo import ZoneInfo

from django.db import migrations, transaction
from django.db.models import Max

_AT_ONCE = 5_000
_FEW = 500


def _count(apps, schema_editor):
    alias = schema_editor.connection.alias
    invitations = apps.get_model("guestlist_invitations", "Invitation").objects.using(alias)
    zones = {
        pk: ZoneInfo(zone)
        for pk, zone in apps.get_model("guestlist_stores", "StoreView")
        .objects.using(alias)
        .values_list("pk", "time_zone")
    }
    last = invitations.aggregate(last=Max("pk"))["last"] or 0
    for start in range(0, last + 1, _AT_ONCE):
        waiting = invitations.filter(pk__gte=start, pk__lt=start + _AT_ONCE, sent_day=None, created_day=None)
        days: dict[tuple[int, datetime.date], list[int]] = defaultdict(list)
        for pk, view, at in waiting.order_by("pk").values_list("pk", "store_view", "created_at"):
            days[view, at.astimezone(zones[view]).date()].append(pk)
        if days:
            with transaction.atomic(using=alias):
                _write(apps, alias, invitations, days)


def _write(apps, alias, invitations, days):
    deltas = apps.get_model("guestlist_invitations", "FiguresDelta")
    made = []
    for (view, day), ids in sorted(days.items()):
        amount = 0
        for place in range(0, len(ids), _FEW):
            some = invitations.filter(pk__in=ids[place : place + _FEW], sent_day=None, created_day=None)
            amount += some.update(created_day=day)
        made += [
            deltas(store_view_id=view, basis=basis, day=day, measure="not_sent", currency="", amount=amount)
            for basis in ("event", "sent")
            if amount
        ]
    deltas.objects.using(alias).bulk_create(made)


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("guestlist_invitations", "0015_created_day"),
        ("guestlist_stores", "0001_websites_and_configuration"),
    ]

    operations = [migrations.RunPython(_count, migrations.RunPython.noop)]
