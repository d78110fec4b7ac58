"""What a person types to see a stage at work, understand its dead letters and bring them home; and its library.

    from ops.stage import Stage
    from ops.depth import depths
    from ops.peek import peek
    from ops.redrive import redrive
    from ops.trace import trace

    stage = Stage.open("local")                        # what `python -m local up` started; or "dev", "prod"
    depths(stage)                                      # [Depth(queue="accept_order", waiting=0, …), …]
    redrive(stage, "accept_order")                     # a dry run: Report(matched=3, moved=0, to={…: 3}, …)
    redrive(stage, "accept_order", yes=True).moved     # 3
    peek(stage, "accept_order", limit=1)               # [Seen(message=Message(…), cause=Cause(…))], left where it is
    trace(stage, "corr-1", since=3600)                 # Path(correlation_id="corr-1", requests=[Request(…)], …)

A queue goes by its word in the topology (`accept_order`, `accept_order-dlq`, `reserve_stock-undelivered`), its name,
its URL or its ARN. Everything raises `ops.errors.OpsError`, whose text is one sentence for a person and whose `code`
is the command's exit code. The functions are synchronous and print nothing.
"""
