"""What Lambda gets: the functions' code and their dependencies, built without Docker."""
