"""How much the suite notices: mistakes are put into the code, one at a time, and the nearest tests must fail."""
