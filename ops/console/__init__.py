"""The operator's command in a browser: routes and templates over the same functions, on this machine only."""
