"""The web application, the command line, and the composition roots that wire them."""
