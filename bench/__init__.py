"""How fast Guestlist is, and what a kill does to it: `./guestlist bench NAME`."""
