"""What is true for every function: batches, publishing, idempotency, clients, settings, logs.

The only room in `functions/` that knows botocore, Powertools and the environment. Read it in the order in which a
message passes:

1. `consumer` takes the batch; `deadline` gives it its time, `settings` its rules.
2. `record` reads what SQS said, `message` makes a contract of it, `webhook` checks a signature first. `errors` is what
   the handler raises, `outcome` what came of it.
3. The handler writes by `table`, takes by `hold` what many want at once, claims an idempotency key by `claim`, and does
   by `once` what cannot guard itself, such as `mail`, or begins what takes long by `execution`. `secret` and `clients`
   are what it needs; `aws` is the client of what every message calls.
4. `publisher` publishes the events of the whole batch, in the traces that `tracing` knows.
5. `deaths` tells workflows of messages that had their last attempt, `failures` records the causes, `visibility` says
   when each message comes back, `report` and `log` say it all.
6. `infrastructure` tells what is a service's failure, `breaker` tells `pause_consumer` of it, `probe` answers its
   question whether all is well again; `unfinished` is what `once` could not write down meanwhile.
"""

import gc

# A cold start makes some hundred thousand objects that all stay. Looking through them for garbage every 700, Python's
# default, takes an eighth of its CPU.
gc.set_threshold(50_000, 20, 50)
