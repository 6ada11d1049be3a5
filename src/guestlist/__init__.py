"""Guestlist: invitations and private sales for web shops."""

__version__ = "0.1.0.dev0"
