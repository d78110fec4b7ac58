"""What the sample's templates say, in a form that a person reviews: `make fix` writes it anew."""
