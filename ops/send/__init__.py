"""One request to a route of the stage, as one of its callers sends it."""
