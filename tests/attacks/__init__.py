"""What a hostile notebook may try, one file a threat, which says what success would be and looks from outside."""
