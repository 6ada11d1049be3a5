"""People: users who sign in, customers of a website, their groups, and the rights of staff."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from guestlist import addresses
from guestlist.stores import ids
from guestlist.stores.actors import Permission
from guestlist.stores.models import StoreView, Website

if TYPE_CHECKING:
    from guestlist.stores.actors import Actor


class UserManager(BaseUserManager["User"]):
    """Makes users; finds them by any spelling of their address."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:  # noqa: ANN401 - Django's
        """Create a user with a normalized address; without a password nobody can sign in by one."""
        user = self.model(email=addresses.normalize(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:  # noqa: ANN401 - Django's
        """Create a user who may do everything in the staff site."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> User:
        """Find a user by address, as typed."""
        try:
            return self.get(email=addresses.normalize(username or ""))
        except addresses.MalformedAddress as refusal:
            raise self.model.DoesNotExist from refusal


class User(AbstractBaseUser, PermissionsMixin):
    """Somebody who signs in, once per address and installation; customers of two websites are one user."""

    id = models.BigAutoField(primary_key=True)
    email = models.EmailField(_("e-mail address"), unique=True)
    first_name = models.CharField(_("first name"), max_length=60, blank=True)
    last_name = models.CharField(_("last name"), max_length=60, blank=True)
    is_staff = models.BooleanField(_("staff"), default=False, help_text=_("May sign in to the staff site."))
    is_active = models.BooleanField(_("active"), default=True)
    date_joined = models.DateTimeField(_("created"), auto_now_add=True)

    objects = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        swappable = "AUTH_USER_MODEL"
        verbose_name = _("user")
        verbose_name_plural = _("users")

    def __str__(self) -> str:
        return self.email

    def get_full_name(self) -> str:
        """Return first and last name, as far as they are known."""
        return f"{self.first_name} {self.last_name}".strip()

    def get_short_name(self) -> str:
        """Return the first name, or the address where there is none."""
        return self.first_name or self.email


class CustomerGroup(models.Model):
    """A group such as General, Wholesale or Retailer, which prices and rules of the shop hang on."""

    id = models.BigAutoField(primary_key=True)
    public_id = models.UUIDField(default=ids.uuid7, unique=True, editable=False)
    code = models.SlugField(_("code"), max_length=32, unique=True)
    name = models.CharField(_("name"), max_length=60)
    may_be_given = models.BooleanField(
        _("invited friends may get this group"),
        default=True,
        help_text=_(
            "When friends get the inviter's group and this is off, they get the store view's default group instead: "
            "trade prices do not spread by accident."
        ),
    )

    class Meta:
        verbose_name = _("customer group")
        verbose_name_plural = _("customer groups")

    def __str__(self) -> str:
        return self.name


class DefaultGroup(models.Model):
    """The customer group that new customers of a store view get."""

    store_view = models.OneToOneField(
        StoreView,
        models.CASCADE,
        primary_key=True,
        related_name="default_group",
        verbose_name=_("store view"),
    )
    group = models.ForeignKey(
        CustomerGroup, models.PROTECT, related_name="+", verbose_name=_("customer group")
    )

    class Meta:
        verbose_name = _("default group")
        verbose_name_plural = _("default groups")

    def __str__(self) -> str:
        return f"{self.store_view}: {self.group}"


class CustomerQuerySet(models.QuerySet["Customer"]):
    """Customers, narrowed."""

    def visible_to(self, actor: Actor, permission: Permission = Permission.VIEW) -> Self:
        """Keep the customers of websites where the actor has the permission."""
        allowed = actor.website_ids(permission)
        return self if allowed is None else self.filter(website__in=allowed)

    def known(self) -> Self:
        """Leave out those that were erased."""
        return self.filter(erased_at=None)


class Customer(models.Model):
    """A person's account at one website. Never deleted, only erased: the row stays, what is personal goes."""

    id = models.BigAutoField(primary_key=True)
    public_id = models.UUIDField(default=ids.uuid7, unique=True, editable=False)
    website = models.ForeignKey(Website, models.PROTECT, related_name="customers", verbose_name=_("website"))
    group = models.ForeignKey(
        CustomerGroup, models.PROTECT, related_name="customers", verbose_name=_("customer group")
    )
    store_view = models.ForeignKey(StoreView, models.PROTECT, related_name="+", verbose_name=_("store view"))
    user = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="customers")
    external_id = models.CharField(_("the shop's own id"), max_length=64, null=True, blank=True)  # noqa: DJ001 - unique
    email = models.EmailField(_("e-mail address"), null=True)  # noqa: DJ001 - null means erased
    first_name = models.CharField(_("first name"), max_length=60, null=True)  # noqa: DJ001 - null means erased
    last_name = models.CharField(_("last name"), max_length=60, null=True)  # noqa: DJ001 - null means erased
    created_at = models.DateTimeField(_("joined"))
    newsletter_at = models.DateTimeField(_("asked for the newsletter"), null=True, blank=True)
    erased_at = models.DateTimeField(_("erased"), null=True, blank=True)

    objects = CustomerQuerySet.as_manager()

    class Meta:
        verbose_name = _("customer")
        verbose_name_plural = _("customers")
        constraints = (
            models.UniqueConstraint(fields=["website", "user"], name="guestlist_customer_user_once"),
            models.UniqueConstraint(fields=["website", "email"], name="guestlist_customer_email_once"),
            models.UniqueConstraint(
                fields=["website", "external_id"], name="guestlist_customer_external_once"
            ),
            models.CheckConstraint(
                condition=Q(erased_at=None)
                | Q(email=None, first_name=None, last_name=None, user=None, external_id=None),
                name="guestlist_customer_erased_is_empty",
            ),
        )

    def __str__(self) -> str:
        return self.name or str(_("deleted customer"))

    @property
    def name(self) -> str:
        """First and last name, or the address where no name is known; empty once erased."""
        return f"{self.first_name or ''} {self.last_name or ''}".strip() or self.email or ""


READY_MADE = {
    "owner": ("Owner", pgettext_lazy("role", "Owner")),
    "marketing": ("Marketing", pgettext_lazy("role", "Marketing")),
    "support": ("Support", pgettext_lazy("role", "Support")),
    "read_only": ("Read only", pgettext_lazy("role", "Read only")),
}
"""The ready-made roles by code: the name that is stored, and what each reader has for it while the shop keeps it."""


class Role(models.Model):
    """A named set of permissions for staff."""

    id = models.BigAutoField(primary_key=True)
    code = models.SlugField(_("code"), max_length=32, unique=True)
    name = models.CharField(_("name"), max_length=60)
    permissions = models.JSONField(_("permissions"), default=list)

    class Meta:
        verbose_name = _("role")
        verbose_name_plural = _("roles")

    def __str__(self) -> str:
        stored, shown = READY_MADE.get(self.code, ("", ""))
        return str(shown) if self.name == stored else self.name


class Grant(models.Model):
    """A role that a staff member has at one website, or at all of them where none is named."""

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(User, models.CASCADE, related_name="grants", verbose_name=_("user"))
    website = models.ForeignKey(
        Website,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("website"),
        help_text=_("Leave empty for all websites, later ones too."),
    )
    role = models.ForeignKey(Role, models.PROTECT, related_name="+", verbose_name=_("role"))

    class Meta:
        verbose_name = _("right")
        verbose_name_plural = _("rights")
        constraints = (
            models.UniqueConstraint(fields=["user", "website", "role"], name="guestlist_grant_once"),
            models.UniqueConstraint(
                fields=["user", "role"], condition=Q(website=None), name="guestlist_grant_everywhere_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.user}: {self.role}"
