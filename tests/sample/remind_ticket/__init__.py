"""Reminds of tickets."""
