"""General measurements of an image: objects, intensities and texture, by channel and region."""
