"""Explanation: every derivative opened, as a chain, as paths, as rows, as a nudge, as an update."""
