"""The proof: AWS in virtual time, with faults drawn from a seed, around the real handlers and their real clients.

Read it from the inside out:

1. `clock`, `fiber`, `worker` and `nature` are time: what happens next, calls that stand still, what Python is told.
2. `wire` is the network below botocore, `line` that below our own client, `faults` what goes wrong on them; `sandbox`
   is an execution environment.
3. `queues`, `poller`, `tables`, `bus`, `mail`, `vault` and `scheduler` are the services, by the rules of `tests.aws`;
   `deployed` is what the stacks give each function; `world` wires them together.
4. `traffic` is what callers ask for, `person` what people do, `scenario` both with a plan of faults. `kinds`, with
   `outage_kinds`, `plan_kinds` and its other neighbours, are the kinds of scenario and their promises, `gaps` what does
   not hold yet.
5. `evidence` is what is left; `requests`, `effects`, `hours`, `plans` and `schedules` read it, `auditor` and
   `workflow_auditor` judge, and `report` tells.
"""
