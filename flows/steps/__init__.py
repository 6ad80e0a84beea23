"""The steps that stages are made of: plain functions and what they hand to each other, no Prefect."""
