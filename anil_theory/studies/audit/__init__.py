"""`anil-theory audit`: what is printed, what runs show beside it, and what stays true."""
