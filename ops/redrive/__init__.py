"""Redriving dead letters: moving them back to where they came from."""
