"""`vinculum-light run`: follows assets from several sources, tells each change, and says how it is."""
