"""The textbook picture: columns of neurons."""
