-- What issues say of type, people and place. What is there already is a task of its creator.

-- Numbers are given by parents of all kinds.
alter table counters rename column project to parent;
alter table counters rename column issues to last;
alter table counters
    add column noun  text    not null default 'issues',
    add column live  bigint  not null default 0,
    drop constraint counters_pk,
    drop constraint counters_issues,
    add constraint counters_pk          primary key (parent, noun),
    add constraint counters_numbers     check (last >= live and live >= 0),
    add constraint counters_noun_known  check (noun in
        ('issues', 'actions', 'comments', 'references', 'relations'));
update counters set parent = 'projects/' || parent, live = last;

alter table issues
    add column issue_type           text      not null default 'task',
    add column issue_type_revision  bigint    not null default 0,
    add column kind                 text      not null default 'TASK',
    add column workflow_revision    bigint    not null default 0,
    add column category             text      not null default 'TODO',
    add column visible_to           text[],
    add column active               boolean   not null default true,
    add column owner                text      not null default '',
    add column assignees            text[]    not null default '{}',
    add column parent               bigint,
    add column thread               bigint    not null default 0,
    add column depth                smallint  not null default 0,
    add column open_children        integer   not null default 0,
    add column tags                 text[]    not null default '{}',
    add column dedup_key            text      not null default '',
    add constraint issues_kind_known
        check (kind in ('BUG', 'ENHANCEMENT', 'TASK', 'QUESTION', 'CUSTOM')),
    add constraint issues_category_known check (category in ('TRIAGE', 'TODO', 'IN_PROGRESS',
        'REVIEW', 'APPROVAL', 'TESTING', 'DONE', 'CANCELLED')),
    add constraint issues_depth check (depth between 0 and 8),
    add constraint issues_open_children check (open_children >= 0),
    add constraint issues_parent_fk foreign key (project, parent) references issues;

update issues set
    owner = creator,
    thread = number,
    category = case status when 'closed' then 'DONE' when 'in_progress' then 'IN_PROGRESS'
        else 'TODO' end;

-- One open issue a key.
create unique index issues_dedup_key_unique on issues (project, dedup_key)
    where dedup_key <> '' and closed_at is null and deleted_at is null;
-- Serves lists by status.
create index issues_by_status on issues (project, status, number);
-- Serves lists by the time of the last change.
create index issues_by_updated_at on issues (project, updated_at, number);
-- Serves the open parts of an issue.
create index issues_by_parent on issues (project, parent)
    where parent is not null and closed_at is null and deleted_at is null;
-- Serves all issues of a thread.
create index issues_by_thread on issues (project, thread);
-- Serve lists by what issues are given to, tagged with, and hold.
create index issues_by_assignees on issues using gin (assignees);
create index issues_by_tags on issues using gin (tags);
create index issues_by_parameters on issues using gin (parameters jsonb_path_ops);
