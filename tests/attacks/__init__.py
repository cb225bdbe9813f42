"""What a hostile notebook may try, one file a threat: each says what success would look like, and looks from outside."""
