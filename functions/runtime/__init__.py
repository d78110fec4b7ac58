"""What is true for every function: batches, publishing, idempotency, clients, settings, logs.

The only room in `functions/` that knows botocore, Powertools and the environment.
"""

import gc

# A cold start makes some hundred thousand objects that all stay. Looking through them for garbage every 700, Python's
# default, takes an eighth of its CPU.
gc.set_threshold(50_000, 20, 50)
