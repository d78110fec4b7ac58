"""How many messages a second a stage takes, and what binds first."""
