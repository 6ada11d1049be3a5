"""Workbooks that are kept as they were brought until a worker reads them."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("guestlist_invitations", "0010_address_website_indexed")]

    operations = [
        # With defaults in the database: an earlier release goes on writing files meanwhile.
        migrations.AddField(
            model_name="importfile",
            name="sheets",
            field=models.JSONField(db_default=[], default=list),
        ),
        migrations.AddField(
            model_name="importfile",
            name="is_workbook",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="importfile",
            name="leased_until",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="importfile",
            name="begun",
            field=models.PositiveSmallIntegerField(db_default=0, default=0),
        ),
    ]
