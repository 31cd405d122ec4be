"""The demo: an IdP, a requesting app and a resource app on this machine, over real HTTP."""
