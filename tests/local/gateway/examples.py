"""Requests that fit, to be changed by tests."""

from __future__ import annotations

import json

ORDER = json.dumps(
    {
        "order_id": "ord-1001",
        "customer_email": "ada@example.com",
        "currency": "EUR",
        "lines": [{"sku": "tea-500g", "quantity": 2, "unit_price": 4200}],
    }
)
PAYMENT = '{"action":"authorize","amount":8400,"currency":"EUR"}'
ORDERS = "/v1/orders"
PAYMENTS = "/v1/orders/ord-1001/payments"
KEY = {"Idempotency-Key": "k-1"}
GITHUB = {"X-Hub-Signature-256": f"sha256={'0' * 64}"}
