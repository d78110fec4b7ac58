"""What is true for every function: batches, publishing, idempotency, clients, settings, logs.

The only room in `functions/` that knows botocore, Powertools and the environment.
"""
