"""What an arm is, which ones are in service, and how their calls are authorised."""
