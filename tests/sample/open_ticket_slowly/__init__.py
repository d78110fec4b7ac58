"""Takes a ticket in, and says how far it is."""
