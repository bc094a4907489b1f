-- Where issues are kept, and the numbers that they get there.

create table projects (
    id            text         not null,
    uid           uuid         not null,
    version       bigint       not null,
    created_at    timestamptz  not null,
    updated_at    timestamptz  not null,
    creator       text         not null,
    display_name  text         not null,
    deleted_at    timestamptz,

    constraint projects_pk          primary key (id),
    constraint projects_uid_unique  unique (uid),
    constraint projects_id_form     check (id ~ '^[a-z][a-z0-9]{0,15}$'),
    constraint projects_version     check (version >= 1)
);

create table counters (
    project  text    not null,
    issues   bigint  not null,

    constraint counters_pk      primary key (project),
    constraint counters_issues  check (issues >= 0)
);
