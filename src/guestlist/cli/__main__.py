"""`python -m guestlist.cli` is `guestlist`."""

from guestlist.cli import main

main()
