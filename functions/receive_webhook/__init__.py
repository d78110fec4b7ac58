"""Turns a third party's signed delivery into an event."""
