-- For the action kill_queries: ends what has been running for more than five minutes in this database. Replication and our own session stay.
SELECT pid, now() - query_start AS runs_for, left(query, 100) AS query, pg_terminate_backend(pid)
FROM pg_stat_activity
WHERE datname = current_database()
  AND pid <> pg_backend_pid()
  AND backend_type = 'client backend'
  AND state IN ('active', 'idle in transaction', 'idle in transaction (aborted)')
  AND coalesce(CASE WHEN state = 'active' THEN query_start ELSE xact_start END, now()) < now() - interval '5 minutes';
