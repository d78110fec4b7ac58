"""A small project of its own, so that the platform's tests need no integration of the project that they stand in.

Tickets are opened, changed in order, assigned to an agent, confirmed by mail and closed: every kind of entry is there
once, and every way in which a message can end.
"""
