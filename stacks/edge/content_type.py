"""What a body may be sent as: JSON, in the spellings that callers use.

API Gateway chooses model and template of a request by its content type, and takes one without for JSON. Whether it
compares the whole header or only what stands before the charset is not documented. So each spelling is a key of both,
and a template refuses every other: no body reaches a queue that no model has seen, whichever it is.
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-method-request-validation.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/integration-passthrough-behaviors.html
"""

from __future__ import annotations

JSON = "application/json"
SPELLINGS = (JSON, *(f"{JSON};{space}charset={charset}" for space in (" ", "") for charset in ("utf-8", "UTF-8")))
PATTERN = f"{JSON}(; ?charset=(utf-8|UTF-8))?"
"""What matches the spellings, and nothing else."""
REFUSED = f"The content type must be {JSON}, with or without a charset of utf-8."
