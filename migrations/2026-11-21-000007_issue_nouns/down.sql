drop index issues_by_parameters;
drop index issues_by_tags;
drop index issues_by_assignees;
drop index issues_by_thread;
drop index issues_by_parent;
drop index issues_by_updated_at;
drop index issues_by_status;
drop index issues_dedup_key_unique;

alter table issues
    drop column issue_type,
    drop column issue_type_revision,
    drop column kind,
    drop column workflow_revision,
    drop column category,
    drop column visible_to,
    drop column active,
    drop column owner,
    drop column assignees,
    drop column parent,
    drop column thread,
    drop column depth,
    drop column open_children,
    drop column tags,
    drop column dedup_key;

delete from counters where noun <> 'issues';
update counters set parent = substr(parent, 10);
alter table counters
    drop constraint counters_noun_known,
    drop constraint counters_numbers,
    drop constraint counters_pk,
    drop column live,
    drop column noun;
alter table counters rename column last to issues;
alter table counters rename column parent to project;
alter table counters
    add constraint counters_pk      primary key (project),
    add constraint counters_issues  check (issues >= 0);
