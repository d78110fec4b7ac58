"""Workflows: what several facts together come to, and what is undone when they do not."""
