"""TriageTicket, in the lane that it came in."""
