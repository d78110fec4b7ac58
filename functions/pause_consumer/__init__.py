"""Pauses a consumer while a service that it needs is away, and lets it go on once all are back."""
