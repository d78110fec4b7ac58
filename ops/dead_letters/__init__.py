"""Dead letters: why they are there, which of them are meant, looking at them, and keeping them in files."""
