"""What people see: pages and the one script that streams into them. A browser holds no token, and decides nothing."""
