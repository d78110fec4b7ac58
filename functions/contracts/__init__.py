"""The shapes and names that two sides agree on. No AWS, no input or output."""
