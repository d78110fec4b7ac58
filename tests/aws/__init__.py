"""AWS in memory, strict: what a service refuses is refused here, each rule with the page of AWS that says it.

`sqs`, `dynamodb`, `events` and `ses` know the rules, `expression` DynamoDB's language. What stands behind is a test's:
`client.Client` lets it be asked as botocore's own client is, and `test_contract.py` holds all to the emulator and moto.
"""
