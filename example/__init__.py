"""The example at work: `make demo`. It goes with the example's integrations: `make empty`."""
