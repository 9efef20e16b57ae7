"""The engine for documents: one durable flow a file, restartable from the document's own milestones."""
