"""A class is judged where a process can fork; elsewhere the command says so, which test_entry_point tries."""

import os

collect_ignore_glob = [] if hasattr(os, "fork") else ["test_*.py"]
