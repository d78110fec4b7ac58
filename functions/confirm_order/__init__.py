"""Confirms an accepted order to its customer by e-mail."""
