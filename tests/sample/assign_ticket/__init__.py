"""Sets agents' hours aside."""
