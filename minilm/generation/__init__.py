"""From a trained model to text: sampling, the key-value cache, and `Pretrained`."""
