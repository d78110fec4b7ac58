"""Applies payment actions to an order, in the order in which they were asked for."""
