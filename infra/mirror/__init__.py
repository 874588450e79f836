"""The function that carries issuers' public keys into the network. Its code is a file of the standard library only."""
