"""The local cloud: AWS-shaped endpoints on loopback for `make demo` and the tests."""
