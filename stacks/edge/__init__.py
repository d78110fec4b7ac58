"""The HTTP edge: how API Gateway turns a request into a message, and what it answers."""
