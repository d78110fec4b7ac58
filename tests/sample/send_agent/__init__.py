"""Closes a ticket that was assigned and changed."""
