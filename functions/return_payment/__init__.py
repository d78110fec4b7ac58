"""Gives back the money of an order that will not leave."""
