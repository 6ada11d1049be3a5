"""Files of people to be invited: what they are, what stands in them, and what is to become of each row.

Nothing here writes; that is for `guestlist.invitations.actions.importing`.
"""
