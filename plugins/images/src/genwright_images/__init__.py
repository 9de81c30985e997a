"""Images for Genwright: pictures in grey or RGB, as Pillow holds them."""
