"""How long a function takes to wake up, and what that takes: see `measure`."""
