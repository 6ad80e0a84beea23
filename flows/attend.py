"""What is due every few seconds beside the runs: nothing yet (requests by alias and expired reviews come with it)."""

from __future__ import annotations

from flows.desk import ReviewDesk


def attend(desk: ReviewDesk) -> None:
    """Does nothing."""
