"""Reminds customers to pay."""
