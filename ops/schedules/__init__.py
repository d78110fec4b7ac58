"""Schedules: what is planned, and what a person changes of it."""
