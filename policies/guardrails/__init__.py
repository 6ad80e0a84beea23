"""May this go in, may this go out? Detectors, the order in which they are asked, and streams that are held back."""
