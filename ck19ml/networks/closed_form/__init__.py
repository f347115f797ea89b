"""Networks that are not trained step by step: pooled encoders and closed-form heads."""
