"""What is to become of a row, in words: the refusals of addresses that are typed, and what only a file can have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from guestlist.invitations.imports import files

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

NEW = ""
"""The verdict of a row that becomes an invitation."""
NOT_REACHED = "not_reached"
"""What tasks call rows that they were stopped before."""

NAMES: dict[str, str | _StrPromise] = {
    NEW: pgettext_lazy("row", "new"),
    "repeated": pgettext_lazy("row", "twice in this file"),
    "open_invitation": _("already invited"),
    "already_invited": pgettext_lazy("row", "already invited by this inviter"),
    "already_customer": _("already a customer"),
    "suppressed": _("not to be mailed"),
    "it_is_you": pgettext_lazy("row", "the inviter's own address"),
    "no_address": pgettext_lazy("row", "without an address"),
    "malformed_address": _("not an e-mail address"),
    "address_too_long": _("too long for an e-mail address"),
    "message_too_long": pgettext_lazy("row", "message too long"),
    "message_has_controls": pgettext_lazy("row", "message with characters that cannot be shown"),
    "message_has_link": pgettext_lazy("row", "a customer's message with a link"),
    "unknown_store_view": pgettext_lazy("row", "store view or language unknown"),
    "unknown_group": pgettext_lazy("row", "group unknown"),
    "unknown_occasion": pgettext_lazy("row", "occasion unknown or over"),
    "unknown_inviter": pgettext_lazy("row", "inviter unknown"),
    "not_permitted": _("not permitted to you"),
    "no_sender": _("without a sender identity"),
    "no_template": _("without a mail template"),
    "undecodable": pgettext_lazy("row", "characters that do not fit the encoding"),
    "unclosed_quote": pgettext_lazy("row", "quotation mark not closed"),
    "row_too_long": pgettext_lazy("row", "too long"),
    "too_many_cells": pgettext_lazy("row", "more cells than columns"),
    NOT_REACHED: pgettext_lazy("row", "not reached: the import was stopped"),
}
"""Verdicts by their codes, in the order that they are shown in."""

WHAT_TO_DO: dict[str, str | _StrPromise] = {
    "repeated": _("This address stands in an earlier row as well; that one counts."),
    "open_invitation": _("This address already has an open invitation."),
    "already_invited": _("This inviter has invited the address before."),
    "already_customer": _("This person is already a customer here, so no invitation was sent."),
    "suppressed": _(
        "This address is on the list of those that are not mailed: it does not exist, complained or asked so."
    ),
    "it_is_you": _("Nobody can invite themselves: this is the inviter's own address."),
    "no_address": _("There is no address in this row. Fill one in."),
    "malformed_address": _("This is not a mail address. It should look like name@example.com."),
    "address_too_long": _(
        "This address is too long: mail servers accept at most 254 characters, 64 of them before the @."
    ),
    "message_too_long": _("The message is too long: at most 1,000 characters fit."),
    "message_has_controls": _("The message contains characters that cannot be shown. Type it anew."),
    "message_has_link": _(
        "This invitation is a customer's, who may not send links here. Leave the web address out of its message."
    ),
    "unknown_store_view": _(
        "No store view has this name or language. Use its code, its name or its language."
    ),
    "unknown_group": _("No customer group has this name. Use its code or its name."),
    "unknown_occasion": _("No open occasion of this website has this name."),
    "unknown_inviter": _("No customer of this website has the inviter's address."),
    "not_permitted": _("You may not import for the website of this store view."),
    "no_sender": _("The website has no sender identity for invitations yet. Fill it in first."),
    "no_template": _("The mail template that was chosen for invitations does not exist any more."),
    "undecodable": _(
        "This row has characters that do not fit the rest of the file. Save the file as CSV (UTF-8), and look at them."
    ),
    "unclosed_quote": _("A quotation mark in this row is not closed. Close it, or take it away."),
    "row_too_long": _("This row is too long to be one person's."),
    "too_many_cells": _(
        "This row has more cells than the file has columns: put a text that has the separator in it between quotation marks."
    ),
    NOT_REACHED: _("The import was stopped before this row."),
}
"""Verdicts that refuse a row, each with a sentence that says what to do about it."""

_LIMITS: dict[str, Any] = {
    "megabytes": files.MAX_BYTES // 1024**2,
    "rows": f"{files.MAX_ROWS:,}",
    "columns": files.MAX_COLUMNS,
}
WHY_FAILED: dict[str, Any] = {
    **{
        one.code: one(**_LIMITS)
        for one in (
            files.UnusableFile,
            files.EmptyFile,
            files.FileTooLarge,
            files.TooManyRows,
            files.TooManyColumns,
            files.ProtectedWorkbook,
        )
    },
    "killed_its_worker": _(
        "This file was begun several times, and each time the worker ended before it was done with a piece of it. Look at "
        "its rows: save the table anew with the columns that an invitation needs."
    ),
}
"""Why trying a file failed, by the problem of its task, where the file is to blame."""
