"""The dialects: front ends that read like TensorFlow 1 and 2 and like PyTorch, over the one engine."""
