"""The parts of `echosvc.testing`."""
