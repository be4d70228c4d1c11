"""SSH by asyncssh, which is an extra: whoever imports from here has caught the ImportError."""
