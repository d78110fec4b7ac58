"""AWS on this machine: the emulator, the real CDK CLI deploying to it, and our own gateway in front."""
