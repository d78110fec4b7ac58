"""Writes a new integration or subscriber as one would by hand: contract, function, test, and its entry in the map."""
