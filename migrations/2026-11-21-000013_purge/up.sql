-- What is deleted is taken away for good once it can no longer be brought back.

-- Serves the purge.
create index issues_by_deleted_at on issues (deleted_at) where deleted_at is not null;
