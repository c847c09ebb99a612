"""What shape comes out of each layer, without torch."""
