"""What kind of request it is: facts, features, topics, tasks."""
