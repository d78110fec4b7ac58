"""Limits as they stand: what is counted, and who waits."""
