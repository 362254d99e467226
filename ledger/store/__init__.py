"""SQL: the durable outbox, and the disposable index of chain and documents."""
