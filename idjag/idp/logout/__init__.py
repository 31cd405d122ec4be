"""Signing out: asked for by an app (RP-Initiated Logout), and what other apps are told of it."""
