"""Ships an order once its stock is reserved and its money captured."""
