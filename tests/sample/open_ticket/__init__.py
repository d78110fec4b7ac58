"""Takes a ticket in."""
