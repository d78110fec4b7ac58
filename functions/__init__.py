"""What runs: contracts, the runtime they share, and one folder a function."""
