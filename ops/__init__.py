"""What a person types to see a stage at work, understand its dead letters and redrive them; and its library.

    from ops.stage import Stage
    from ops.depth import depths
    from ops.dead_letters.peek import peek
    from ops.dead_letters.selection import Selection
    from ops.redrive.request import Request
    from ops.redrive.run import redrive
    from ops.observe.trace import trace
    from ops.retire import retire
    from stacks.topology import TOPOLOGY

    stage = Stage.open("local", TOPOLOGY)              # what `python -m local up` started; or any stage of cdk.json
    depths(stage)                                      # [Depth(queue="open_ticket", waiting=0, …), …]
    peek(stage, "open_ticket", limit=1)                # [Seen(message=Message(…), cause=Cause(…))], left where it is
    request = Request("open_ticket", Selection(older_than=3600), limit=10)
    redrive(stage, request)                            # a dry run: Report(acted=False, tally=Tally(matched=3, …), …)
    redrive(stage, request, yes=True).tally.moved      # 3
    trace(stage, "corr-1", since=3600)                 # Path(correlation_id="corr-1", requests=[Request(…)], …)
    retire(stage, "tickets").drained                   # True, once nothing is left of a retired integration

A queue goes by its word in the topology (`open_ticket`, `open_ticket-dlq`, `assign_ticket-undelivered`), its name,
its URL or its ARN. Everything raises `ops.errors.OpsError`, whose text is one sentence for a person and whose `code`
is the command's exit code. The functions are synchronous and print nothing.
"""
