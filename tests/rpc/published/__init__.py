"""What the published document promises, held against what is answered."""
