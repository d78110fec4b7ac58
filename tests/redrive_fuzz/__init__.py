"""The operator's command as it is run, against SQS that is not ours, with faults and kills, judged by what is there.

Nothing here but the zygote imports what it judges (`test_auditor.py` holds that): the command is a process, SQS is
ministack or moto, what goes wrong on the way is the fault proxy's, and the auditor knows only what was put in and what
is there at the end.
"""
