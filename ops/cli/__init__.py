"""What can be typed after `python -m ops`: reading arguments and showing answers, and nothing else."""
