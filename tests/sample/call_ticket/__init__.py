"""TicketTriaged, in the lane of its priority."""
