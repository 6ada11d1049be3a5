"""The website of an invitation beside its address; empty for what is there, and for what an older release still writes."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("guestlist_invitations", "0009_imports"),
        ("guestlist_stores", "0001_websites_and_configuration"),
    ]

    operations = [
        migrations.AddField(
            model_name="invitationaddress",
            name="website",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="guestlist_stores.website",
            ),
        ),
    ]
