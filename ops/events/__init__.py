"""The catalogue of what travels: events and commands, from their contracts and the map."""
