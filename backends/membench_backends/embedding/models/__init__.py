"""Model files on disk: real weights, speed twins and quantised graphs."""
