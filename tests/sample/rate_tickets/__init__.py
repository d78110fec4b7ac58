"""Rates the tickets of a language."""
