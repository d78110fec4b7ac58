"""What exists: the topology, the settings of a stage, and one file a stack."""
