"""Steps of `tune`: its study, its trials, their workers and the champion."""
