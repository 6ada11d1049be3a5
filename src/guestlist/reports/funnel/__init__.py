"""The funnel: how far invitations came, from their making to what was bought, told apart by what brought them."""
