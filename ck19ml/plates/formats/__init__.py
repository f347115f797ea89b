"""Image files as they are: their axes, what they say of themselves, and their pixels."""
