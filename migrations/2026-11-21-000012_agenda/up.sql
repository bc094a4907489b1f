-- What agendas look for. Claims and ends change nothing of it.

-- Serves what somebody must be ready for.
create index actions_by_assignee_due_at on actions (assignee, due_at)
    where assignee is not null and due_at is not null;
create index actions_by_assignee_not_before on actions (assignee, not_before)
    where assignee is not null and not_before is not null;

-- Serve what is to be planned, the most urgent first; a priority that is not set comes last.
create index issues_by_urgency on issues
    (project, (case when priority = 0 then 6 else priority end), due_at, created_at, number)
    where closed_at is null and deleted_at is null and active;
create index issues_in_triage on issues
    (project, (case when priority = 0 then 6 else priority end), due_at, created_at, number)
    where closed_at is null and deleted_at is null and active and category = 'TRIAGE';

-- Serve what somebody owns.
create index issues_by_owner_updated_at on issues (owner, updated_at)
    where closed_at is null and deleted_at is null and active;
create index issues_by_owner_due_at on issues (owner, due_at)
    where closed_at is null and deleted_at is null and active and due_at is not null;
