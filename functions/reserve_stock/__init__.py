"""Sets an accepted order's articles aside, or finds them short."""
