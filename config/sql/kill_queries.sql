-- For the action kill_queries: ends what has been running for more than five minutes in this database. Replication and our own session stay, and so
-- do dumps and backups, which run long by nature: name others beside them. What is printed stands in the incident: the text of a query, which may hold
-- secrets, does not belong there.
SELECT pid, now() - query_start AS runs_for, state, usename, pg_terminate_backend(pid)
FROM pg_stat_activity
WHERE datname = current_database()
  AND pid <> pg_backend_pid()
  AND backend_type = 'client backend'
  AND application_name NOT IN ('pg_dump', 'pg_dumpall', 'pg_restore', 'pg_basebackup')
  AND state IN ('active', 'idle in transaction', 'idle in transaction (aborted)')
  AND coalesce(CASE WHEN state = 'active' THEN query_start ELSE xact_start END, now()) < now() - interval '5 minutes';
