"""One BagIt bag with all that proves and describes assets, and its verification offline."""
