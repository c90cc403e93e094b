"""Makes the recordings of tests/scenarios and of the demo. See ../generate.py."""
