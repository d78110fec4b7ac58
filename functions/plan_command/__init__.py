"""Plans commands: one item a key, and one-time schedules."""
