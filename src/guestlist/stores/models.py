"""Websites, their store views, and what is configured for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from guestlist.stores import ids
from guestlist.stores.actors import Permission

if TYPE_CHECKING:
    from guestlist.stores.actors import Actor

_code = RegexValidator(
    r"^[a-z][a-z0-9_]*$", _("Use lower-case letters, digits and underscores, a letter first.")
)
_color = RegexValidator(r"^#[0-9a-fA-F]{6}$", _("Write the color as # and six digits, like #7a2e3a."))


class WebsiteQuerySet(models.QuerySet["Website"]):
    """Websites, narrowed."""

    def visible_to(self, actor: Actor, permission: Permission = Permission.VIEW) -> Self:
        """Keep the websites where the actor has the permission."""
        allowed = actor.website_ids(permission)
        return self if allowed is None else self.filter(pk__in=allowed)


class Website(models.Model):
    """A shop site with customers of its own; has one or more store views."""

    id = models.BigAutoField(primary_key=True)
    public_id = models.UUIDField(default=ids.uuid7, unique=True, editable=False)
    code = models.CharField(_("code"), max_length=32, unique=True, validators=[_code])
    name = models.CharField(_("name"), max_length=80)
    default_store_view = models.ForeignKey(
        "StoreView",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("default store view"),
        help_text=_("The one that staff are offered first."),
    )

    objects = WebsiteQuerySet.as_manager()

    class Meta:
        verbose_name = _("website")
        verbose_name_plural = _("websites")

    def __str__(self) -> str:
        return self.name


class StoreViewQuerySet(models.QuerySet["StoreView"]):
    """Store views, narrowed."""

    def visible_to(self, actor: Actor, permission: Permission = Permission.VIEW) -> Self:
        """Keep the store views of websites where the actor has the permission."""
        allowed = actor.website_ids(permission)
        return self if allowed is None else self.filter(website__in=allowed)


class StoreView(models.Model):
    """One language and currency face of a website.

    ``base_url`` is where its pages live, with scheme and host and without a slash at the end; links in mails are made
    from it and requests are matched to it.
    """

    id = models.BigAutoField(primary_key=True)
    public_id = models.UUIDField(default=ids.uuid7, unique=True, editable=False)
    website = models.ForeignKey(
        Website, models.PROTECT, related_name="store_views", verbose_name=_("website")
    )
    code = models.CharField(_("code"), max_length=32, unique=True, validators=[_code])
    name = models.CharField(_("name"), max_length=80, help_text=_("As customers see it: the shop's name."))
    language = models.CharField(
        _("language"), max_length=8, choices=[("en", _("English")), ("nl", _("Dutch")), ("de", _("German"))]
    )
    currency = models.CharField(
        _("currency"),
        max_length=3,
        default="EUR",
        validators=[RegexValidator(r"^[A-Z]{3}$", _("Use the three letters of ISO 4217, like EUR."))],
    )
    time_zone = models.CharField(_("time zone"), max_length=40, default="Europe/Amsterdam")
    base_url = models.CharField(_("base URL"), max_length=200, unique=True)
    logo = models.FileField(_("logo"), upload_to="logos/", blank=True)
    accent_color = models.CharField(_("accent color"), max_length=7, default="#7a2e3a", validators=[_color])
    legal_name = models.CharField(_("legal name"), max_length=120, blank=True)
    postal_address = models.CharField(_("postal address"), max_length=250, blank=True)
    registration_number = models.CharField(_("registration number"), max_length=60, blank=True)
    privacy_url = models.CharField(_("privacy page"), max_length=300, blank=True)
    terms_url = models.CharField(_("terms page"), max_length=300, blank=True)
    contact_address = models.EmailField(_("contact address"), blank=True)

    objects = StoreViewQuerySet.as_manager()

    class Meta:
        verbose_name = _("store view")
        verbose_name_plural = _("store views")

    def __str__(self) -> str:
        return self.name

    @property
    def host(self) -> str:
        """The host of the base URL, with its port where there is one."""
        return urlsplit(self.base_url).netloc

    @property
    def path(self) -> str:
        """The leading path of the base URL, without a slash at the end: empty for a view at the root."""
        return urlsplit(self.base_url).path.rstrip("/")

    def url(self, path: str) -> str:
        """Return the absolute URL of a path of this view, as mails need it."""
        return f"{self.base_url.rstrip('/')}/{path.lstrip('/')}"


class Override(models.Model):
    """The value of one option at one scope; "use default" is the absence of a row.

    Neither website nor store view: the default scope. ``value`` is JSON as the section's type reads it.
    """

    id = models.BigAutoField(primary_key=True)
    section = models.CharField(max_length=32)
    option = models.CharField(max_length=64)
    website = models.ForeignKey(Website, models.CASCADE, null=True, blank=True)
    store_view = models.ForeignKey(StoreView, models.CASCADE, null=True, blank=True)
    value = models.JSONField()
    changed_at = models.DateTimeField()
    changed_by_kind = models.CharField(max_length=10)
    changed_by_id = models.BigIntegerField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["section", "option"],
                condition=Q(website=None, store_view=None),
                name="guestlist_override_default_once",
            ),
            models.UniqueConstraint(
                fields=["section", "option", "website"],
                condition=Q(store_view=None),
                name="guestlist_override_website_once",
            ),
            models.UniqueConstraint(
                fields=["section", "option", "store_view"], name="guestlist_override_view_once"
            ),
            models.CheckConstraint(
                condition=Q(website=None) | Q(store_view=None), name="guestlist_override_one_scope"
            ),
        )

    def __str__(self) -> str:
        return f"{self.section}.{self.option}"


class OptionChangeQuerySet(models.QuerySet["OptionChange"]):
    """Changes of options, narrowed."""

    def visible_to(self, actor: Actor, permission: Permission = Permission.CONFIGURE) -> Self:
        """Keep those at websites where the actor has the permission; at the default scope, with it for all websites."""
        allowed = actor.website_ids(permission)
        return self if allowed is None else self.filter(website__in=allowed)


class OptionChange(models.Model):
    """Who changed an option when, at which scope, from which value to which; only ever added to.

    ``before`` and ``after`` are null where there was, or is now, no value of the scope's own ("use default"). Unlike an
    :class:`Override`, a change at a store view names its website too.
    """

    id = models.BigAutoField(primary_key=True)
    section = models.CharField(max_length=32)
    option = models.CharField(max_length=64)
    website = models.ForeignKey(Website, models.CASCADE, null=True, related_name="+")
    store_view = models.ForeignKey(StoreView, models.CASCADE, null=True, related_name="+")
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    at = models.DateTimeField()
    actor_kind = models.CharField(max_length=10)
    actor_id = models.BigIntegerField(null=True)

    objects = OptionChangeQuerySet.as_manager()

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(store_view=None) | Q(website__isnull=False),
                name="guestlist_option_change_scope",
            ),
            models.CheckConstraint(
                condition=Q(before__isnull=False) | Q(after__isnull=False),
                name="guestlist_option_change_of_something",
            ),
        )

    def __str__(self) -> str:
        return f"{self.section}.{self.option}"
