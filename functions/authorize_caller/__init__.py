"""Lets in who bears a token of the stage's OIDC issuer."""
