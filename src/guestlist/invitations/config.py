"""The options of invitations: what may be set, how narrowly, and what counts when nothing is set."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from django.utils.translation import gettext_lazy as _
from pydantic import ValidationInfo, field_validator

from guestlist.mail.models import SenderIdentity
from guestlist.stores import config
from guestlist.stores.config import Scope, Section, option

if TYPE_CHECKING:
    from guestlist.stores.models import StoreView

BUILT_IN_TEMPLATE = "invitation"
"""Code of the mail template "Customer invitation" that comes with the product."""


class Invitations(Section):
    """How invitations work at a store view."""

    section: ClassVar[str] = "invitations"

    enabled: bool = option(
        default=True,
        narrowest=Scope.DEFAULT,
        label=_("Enable invitations functionality"),
        help=_("Off: the menus are hidden, the pages are gone, and registration is open."),
    )
    storefront: bool = option(
        default=True,
        narrowest=Scope.WEBSITE,
        label=_("Enable invitations on storefront"),
        help=_("On: customers may invite. Off: registration is open here."),
    )
    who_may_invite: Literal["all", "groups", "nobody"] = option(
        "all",
        narrowest=Scope.WEBSITE,
        label=_("Who may invite"),
        help=_("“Nobody” keeps a club for which only staff invite, while the storefront switch stays on."),
        choices=(("all", _("All customers")), ("groups", _("Chosen groups")), ("nobody", _("Nobody"))),
    )
    inviting_groups: tuple[int, ...] = option(
        (),
        narrowest=Scope.WEBSITE,
        label=_("Groups that may invite"),
        help=_("Counts when “Who may invite” is “Chosen groups”."),
    )
    referred_group: Literal["inviter", "default"] = option(
        "inviter",
        narrowest=Scope.STORE_VIEW,
        label=_("Referred customer group"),
        help=_("The group that friends get. Invitations by staff carry the group chosen on their form."),
        choices=(("inviter", _("Same as inviter")), ("default", _("Default customer group"))),
    )
    registration: Literal["open", "invitation"] = option(
        "open",
        narrowest=Scope.STORE_VIEW,
        label=_("New accounts registration"),
        help=_("By invitation only: nothing but an invitation's link makes an account here."),
        choices=(("open", _("Available to all")), ("invitation", _("By invitation only"))),
    )
    custom_message: bool = option(
        default=True,
        narrowest=Scope.STORE_VIEW,
        label=_("Allow customers to add a custom message"),
        help=_("Staff always may."),
    )
    max_at_once: int = option(
        5,
        narrowest=Scope.STORE_VIEW,
        label=_("Max invitations allowed to be sent at one time"),
        help=_("1 to 100 addresses in one form."),
        ge=1,
        le=100,
    )
    links_in_message: Literal["refuse", "allow"] = option(
        "refuse",
        narrowest=Scope.STORE_VIEW,
        label=_("Links in the message"),
        help=_(
            "Refused: web addresses, bare domains and look-alikes, so that nobody sends spam in your name."
        ),
        choices=(("refuse", _("Refuse")), ("allow", _("Allow"))),
    )
    registration_address: Literal["same", "any"] = option(
        "same",
        narrowest=Scope.STORE_VIEW,
        label=_("Registration address"),
        help=_("A different one is recorded and must be confirmed by mail."),
        choices=(("same", _("Must be the invited address")), ("any", _("May differ"))),
    )
    lifetime_days: int = option(
        30,
        narrowest=Scope.STORE_VIEW,
        label=_("Link lifetime in days"),
        help=_(
            "0 is for ever. It starts when the mail is handed over or the link first shared, anew at each resend."
        ),
        ge=0,
        le=3650,
    )
    customer_resends: int = option(
        0,
        narrowest=Scope.STORE_VIEW,
        label=_("How often customers may resend"),
        help=_("0 to 5 times. A mail that never left may always be tried again."),
        ge=0,
        le=5,
    )
    existing_account: Literal["skip", "sign_in"] = option(
        "skip",
        narrowest=Scope.STORE_VIEW,
        label=_("Address that already has an account"),
        help=_("With an occasion it is always “Invite to sign in”."),
        choices=(("skip", _("Skip and say so")), ("sign_in", _("Invite to sign in"))),
    )
    credit: Literal["link", "first", "last", "all"] = option(
        "link",
        narrowest=Scope.WEBSITE,
        label=_("Several inviters, one friend: credit"),
        help=_("Who counts as the one who brought the friend."),
        choices=(
            ("link", _("Whose link was used")),
            ("first", _("Who invited first")),
            ("last", _("Who invited last")),
            ("all", _("All of them, in equal shares")),
        ),
    )
    sender: Literal["general", "sales", "support", "custom1", "custom2"] = option(
        "general",
        narrowest=Scope.STORE_VIEW,
        label=_("Invitation email sender"),
        group="email",
        choices=tuple((code.value, code.label) for code in SenderIdentity.Code),
    )
    template: str = option(
        BUILT_IN_TEMPLATE,
        narrowest=Scope.STORE_VIEW,
        label=_("Invitation email template"),
        help=_("The built-in one, or any that you made."),
        group="email",
        min_length=1,
        max_length=48,
    )
    batch_size: int = option(
        500,
        narrowest=Scope.WEBSITE,
        label=_("Batch size"),
        help=_("How many mails the worker takes at a time: 1 to 5,000."),
        group="email",
        ge=1,
        le=5000,
    )

    @field_validator("max_at_once", mode="before")
    @classmethod
    def _a_stored_zero_reads_as_one(cls, value: object, info: ValidationInfo) -> object:
        return 1 if info.context == config.STORED and value == 0 and value is not False else value

    @property
    def on_storefront(self) -> bool:
        """Whether customers may invite at all: both switches are needed."""
        return self.enabled and self.storefront


def of(store_view: StoreView) -> Invitations:
    """Return the options that count at a store view, in one query."""
    return config.resolve(Invitations, config.at(store_view)).value
