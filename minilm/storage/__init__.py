"""Files that may come from anywhere: safetensors and JSON, read without trust, written whole."""
