"""The addresses of one website in order, and those that lack it; made beside the traffic."""

from django.db import migrations, models

from guestlist.stores.indexes import AddIndexLive


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("guestlist_invitations", "0010_address_website_filled")]

    operations = [
        AddIndexLive(
            model_name="invitationaddress",
            index=models.Index(
                fields=["website", "normalized", "invitation"], name="guestlist_address_website"
            ),
        ),
        AddIndexLive(
            model_name="invitationaddress",
            index=models.Index(
                condition=models.Q(("website__isnull", True)),
                fields=["invitation"],
                name="guestlist_address_lacking",
            ),
        ),
    ]
