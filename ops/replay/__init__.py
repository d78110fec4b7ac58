"""Replaying what the archive keeps, to one subscriber."""
