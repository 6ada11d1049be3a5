"""The orders and scopes of the grid, each with an index; made beside the traffic."""

from django.conf import settings
from django.db import migrations, models

from guestlist.stores.indexes import AddIndexLive


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("guestlist_customers", "0001_people"),
        ("guestlist_invitations", "0003_moves_without_indexes"),
        ("guestlist_occasions", "0001_occasions"),
        ("guestlist_stores", "0001_websites_and_configuration"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        AddIndexLive(
            model_name="invitation",
            index=models.Index(fields=["website", "-id"], name="guestlist_invitation_website"),
        ),
        AddIndexLive(
            model_name="invitation",
            index=models.Index(
                condition=models.Q(("occasion__isnull", False)),
                fields=["occasion", "-id"],
                name="guestlist_invitation_occasion",
            ),
        ),
        AddIndexLive(
            model_name="invitation",
            index=models.Index(
                condition=models.Q(("accepted_at__isnull", False)),
                fields=["-accepted_at", "-id"],
                name="guestlist_invitation_accepted",
            ),
        ),
        AddIndexLive(
            model_name="invitationaddress",
            index=models.Index(fields=["normalized", "invitation"], name="guestlist_address_order"),
        ),
        AddIndexLive(
            model_name="invitationevent",
            index=models.Index(
                condition=models.Q(("target", "sent")),
                fields=["-at", "-invitation"],
                name="guestlist_event_sent",
            ),
        ),
    ]
