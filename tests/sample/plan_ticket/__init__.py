"""Plans reminders."""
