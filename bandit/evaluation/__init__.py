"""What another policy would have done on logged traffic."""
