"""The rehearsal ERP: a small, strict gestionale behind JSON over HTTP, for the demo and for rehearsals."""
