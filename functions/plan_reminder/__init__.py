"""Plans reminders to pay."""
