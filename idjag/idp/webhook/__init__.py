"""Notices to whoever watches: connections about to end, denial bursts, keys of apps that do not come.

Found beside the requests (``watch``), kept as rows (``queue``), sent as signed NDJSON (``delivery``).
"""
