"""Discovery help and the check of a connection: what others publish, judged for an administrator.

Nothing here saves anything; below the console and the admin API, which both call it.
"""
