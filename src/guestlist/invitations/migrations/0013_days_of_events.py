"""The local day of each event, so that the history alone tells every figure; a column without a default takes no time."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("guestlist_invitations", "0012_attributed_orders")]

    operations = [
        migrations.AddField(
            model_name="invitationevent",
            name="day",
            field=models.DateField(null=True),
        ),
    ]
