"""Confirms a ticket by mail."""
