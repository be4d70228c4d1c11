"""What the control API says instead of doing what it was asked for."""

from __future__ import annotations


class Refusal(Exception):
    """``hint`` says what to change."""

    def __init__(self, status: int, code: str, hint: str, allow: str = "") -> None:
        super().__init__(hint)
        self.status, self.code, self.hint, self.allow = status, code, hint, allow


def wrong_method(method: str, *allowed: str) -> Refusal:
    allow = ", ".join(allowed)
    return Refusal(405, "method_not_allowed", f"{method} is not allowed here, use {allow}", allow)
