"""Gives back the stock of an order that will not leave."""
