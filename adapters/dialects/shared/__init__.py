"""What dialects of any vendor have in common."""
