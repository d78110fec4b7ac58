"""Whether a deployed stage does what we assume of AWS: requests, dead letters, a redrive, logs and metrics."""
