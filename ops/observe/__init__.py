"""A stage at work: its logs, rates, and the path of one request."""
