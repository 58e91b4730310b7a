"""Cores, tools and libraries by URL: index, download, checks, safe unpacking, a store per user."""
