"""Calls to AWS's JSON services, written for the few that functions make for every message.

botocore makes its clients from descriptions and can do everything; here that is most of a cold start and of a call.
What this one does not do is left to botocore's: `functions.runtime.clients` decides.
"""
