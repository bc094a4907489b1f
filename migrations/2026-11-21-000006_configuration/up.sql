-- What projects configure: workflows, issue types, action types. Each row is a revision, and never
-- changes; the last one of what is deleted says so.

create table configurations (
    project     text         not null,
    kind        text         not null,
    id          text         not null,
    revision    bigint       not null,
    uid         uuid         not null,
    created_at  timestamptz  not null,
    updated_at  timestamptz  not null,
    creator     text         not null,
    body        jsonb        not null,
    deleted_at  timestamptz,

    constraint configurations_pk          primary key (project, kind, id, revision),
    constraint configurations_project_fk  foreign key (project) references projects,
    constraint configurations_revision    check (revision >= 1),
    constraint configurations_id_form     check (id ~ '^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$'),
    constraint configurations_kind_known
        check (kind in ('workflows', 'issueTypes', 'actionTypes'))
);

-- Projects that are there already have configured nothing yet.
insert into definition_versions (project, kind, version)
    select id, 'configuration', 1 from projects;
