"""Orders and their checkout."""
