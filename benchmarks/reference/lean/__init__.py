"""What a careful user of Powertools and boto3 writes: the same contracts, conditions and events as ours."""
