"""The standard consumer that ours is measured against."""
