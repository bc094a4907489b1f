drop index issues_by_owner_due_at, issues_by_owner_updated_at, issues_in_triage,
    issues_by_urgency, actions_by_assignee_not_before, actions_by_assignee_due_at;
