"""Changes a ticket, step by step."""
