"""Takes signed deliveries in."""
