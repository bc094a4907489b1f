drop index issues_by_parent;
create index issues_by_parent on issues (project, parent)
    where parent is not null and closed_at is null and deleted_at is null;

delete from counters where noun = 'relations';
alter table counters
    drop constraint counters_numbers,
    add constraint counters_numbers check (last >= live and live >= 0);

drop table relations;
