"""The exercises of each tutorial. These files give the solutions away."""
