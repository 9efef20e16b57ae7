"""Tables, migrations, queries: the only code that speaks SQL. It takes and returns model objects."""
