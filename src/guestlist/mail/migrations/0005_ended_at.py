"""When a mail ended; a column without a value, which both databases add without touching a row."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("guestlist_mail", "0004_single_mails")]

    operations = [
        migrations.AddField(
            model_name="message",
            name="ended_at",
            field=models.DateTimeField(null=True),
        ),
    ]
