"""What mails are made from: who sends them, and their words."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from guestlist.customers.models import User
from guestlist.stores.models import Website


class SenderIdentity(models.Model):
    """Whom mail comes from: name, address and reply-to, one row per website and code.

    ``stopped_at`` is set when the mail server refuses us (not a recipient), ``held_at`` by the brake when too many bounce
    or complain: nothing goes out until staff have seen to it. Limits are mails; 0 is none.
    """

    class Code(models.TextChoices):
        """The identities that a shop has."""

        GENERAL = "general", _("General")
        SALES = "sales", _("Sales")
        SUPPORT = "support", _("Support")
        CUSTOM_1 = "custom1", _("Custom 1")
        CUSTOM_2 = "custom2", _("Custom 2")

    id = models.BigAutoField(primary_key=True)
    website = models.ForeignKey(Website, models.CASCADE, related_name="senders", verbose_name=_("website"))
    code = models.CharField(_("code"), max_length=10, choices=Code)
    name = models.CharField(_("name"), max_length=80)
    address = models.EmailField(_("address"))
    reply_to = models.EmailField(_("reply-to"), blank=True)
    stopped_at = models.DateTimeField(_("stopped"), null=True, blank=True)
    stopped_reason = models.CharField(_("why it stopped"), max_length=250, blank=True)
    per_second = models.PositiveIntegerField(
        _("most per second"),
        default=0,
        help_text=_("How many mails leave in a second at most; 0 is no limit."),
    )
    per_day = models.PositiveIntegerField(
        _("most per day"),
        default=0,
        help_text=_(
            "How many leave in a day (UTC) at most; 0 is no limit. Single mails count, but never wait for the next day."
        ),
    )
    warm_up_from = models.DateField(
        _("warm-up since"),
        null=True,
        blank=True,
        help_text=_(
            "A new sender starts with 200 a day and doubles every day, until this no longer matters. Empty: no warm-up."
        ),
    )
    # The brake's: since when bounces and complaints count anew, and what it found.
    held_at = models.DateTimeField(_("held"), null=True, blank=True)
    held_reason = models.CharField(_("why it is held"), max_length=250, blank=True)
    warned_at = models.DateTimeField(null=True, blank=True)
    counted_from = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("sender identity")
        verbose_name_plural = _("sender identities")
        constraints = (models.UniqueConstraint(fields=["website", "code"], name="guestlist_sender_once"),)

    def __str__(self) -> str:
        return f"{self.name} <{self.address}>"


class Template(models.Model):
    """A mail template; ``purpose`` says what it is for and thereby which variables it may use."""

    id = models.BigAutoField(primary_key=True)
    code = models.SlugField(_("code"), max_length=48, unique=True)
    name = models.CharField(_("name"), max_length=80)
    purpose = models.CharField(_("purpose"), max_length=20)
    is_builtin = models.BooleanField(_("built in"), default=False)

    class Meta:
        verbose_name = _("mail template")
        verbose_name_plural = _("mail templates")

    def __str__(self) -> str:
        return self.name


class TemplateVersion(models.Model):
    """A template as it was saved once; never changed, so that what is queued keeps its words."""

    id = models.BigAutoField(primary_key=True)
    template = models.ForeignKey(Template, models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    digest = models.CharField(max_length=64)
    created_at = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["template", "number"], name="guestlist_version_once"),)

    def __str__(self) -> str:
        return f"{self.template} {self.number}"


class TemplateText(models.Model):
    """A version's words in one language: subject, text and MJML as written, HTML as compiled from it."""

    id = models.BigAutoField(primary_key=True)
    version = models.ForeignKey(TemplateVersion, models.CASCADE, related_name="texts")
    language = models.CharField(max_length=8)
    subject = models.CharField(max_length=250)
    text = models.TextField()
    mjml = models.TextField()
    html = models.TextField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["version", "language"], name="guestlist_text_once"),)

    def __str__(self) -> str:
        return f"{self.version} {self.language}"


class TrialMail(models.Model):
    """A template with sample values, sent to the staff member who asked for it."""

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    language = models.CharField(max_length=8)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.pk)
