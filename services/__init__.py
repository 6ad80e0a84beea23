"""What answers requests: the BentoML gateway. Knows no trainer."""
