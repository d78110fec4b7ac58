"""SQS as the operator's command speaks it: signed calls over few connections, ten messages at a time."""
