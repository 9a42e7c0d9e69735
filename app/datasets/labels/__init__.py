"""Labels in files beside the images: read, understood, matched with the images."""
