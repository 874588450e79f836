"""What authorization costs and what it keeps: measured on this machine, never a test that is timed."""
