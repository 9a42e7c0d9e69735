"""How samples reach people: filters, queues, the worklist, cards, and what is shown beside them."""
