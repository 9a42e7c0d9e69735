"""How samples reach people: filters, queues, the worklist, cards, and the information shown with them."""
