"""One file per revision, append-only: what has been released is never changed."""
