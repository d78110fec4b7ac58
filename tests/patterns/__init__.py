"""What docs/patterns shows."""
