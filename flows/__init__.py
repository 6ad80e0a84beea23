"""What runs on a schedule or by hand: the Prefect flows, their steps, the training program and the command line."""
