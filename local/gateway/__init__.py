"""API Gateway on this machine: serves the REST API of a synthesized stack as AWS documents it (docs/local.md)."""
