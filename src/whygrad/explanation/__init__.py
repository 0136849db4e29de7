"""Explanation: every derivative opened, as a chain, as paths, as rows, as a nudge, as an update."""

from whygrad.explanation.explanation import Explanation, explain, explain_row

__all__ = ["Explanation", "explain", "explain_row"]
