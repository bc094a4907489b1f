drop index issues_by_deleted_at;
