"""The power goes; the disk is full."""
