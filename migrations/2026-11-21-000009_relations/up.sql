-- Links between issues. Stored once, in the direction the caller gave; listed from both ends.

create table relations (
    project     text         not null,
    issue       bigint       not null,
    number      bigint       not null,
    uid         uuid         not null,
    created_at  timestamptz  not null,
    creator     text         not null,
    to_project  text         not null,
    to_issue    bigint       not null,
    kind        text         not null,

    constraint relations_pk             primary key (project, issue, number),
    constraint relations_uid_unique     unique (uid),
    constraint relations_from_issue_fk  foreign key (project, issue) references issues,
    constraint relations_to_issue_fk    foreign key (to_project, to_issue) references issues,
    constraint relations_link_unique    unique (project, issue, to_project, to_issue, kind),
    constraint relations_number         check (number >= 1),
    constraint relations_kind_known
        check (kind in ('BLOCKS', 'DUPLICATES', 'RELATES_TO', 'CAUSES')),
    constraint relations_two_ends       check ((project, issue) <> (to_project, to_issue))
);

-- Serves lists from the far end, and what blocks an issue.
create index relations_by_to_issue on relations (to_project, to_issue, kind);

-- Relations count at both ends, and give numbers at one of them.
alter table counters
    drop constraint counters_numbers,
    add constraint counters_numbers check (live >= 0 and last >= 0
        and (last >= live or noun = 'relations'));

-- Serves what is below an issue: closed and hidden ones too, for they move with it.
create index issues_by_parent_all on issues (project, parent) where parent is not null;
drop index issues_by_parent;
alter index issues_by_parent_all rename to issues_by_parent;
