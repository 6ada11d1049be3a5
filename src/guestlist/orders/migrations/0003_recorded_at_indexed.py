"""The orders of an earlier release, to be found at once; made beside the traffic."""

from django.db import migrations, models

from guestlist.stores.indexes import AddIndexLive


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("guestlist_orders", "0002_recorded_at")]

    operations = [
        AddIndexLive(
            model_name="order",
            index=models.Index(
                condition=models.Q(("recorded_at__isnull", True)),
                fields=["id"],
                name="guestlist_order_earlier",
            ),
        ),
    ]
