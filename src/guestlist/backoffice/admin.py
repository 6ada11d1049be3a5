"""The plain tables of the staff site; Django looks for them here."""

from guestlist.backoffice import admin_mail, admin_outbox, admin_people, admin_senders, admin_stores

__all__ = ["admin_mail", "admin_outbox", "admin_people", "admin_senders", "admin_stores"]
