"""Takes an order in: stores it once and says so."""
