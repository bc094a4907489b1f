-- What holds the state of a matter.

create table issues (
    project      text         not null,
    number       bigint       not null,
    uid          uuid         not null,
    version      bigint       not null,
    created_at   timestamptz  not null,
    updated_at   timestamptz  not null,
    creator      text         not null,
    title        text         not null,
    description  text         not null,
    workflow     text         not null,
    status       text         not null,
    resolution   text         not null,
    priority     smallint     not null,
    parameters   jsonb        not null,
    annotations  jsonb        not null,
    due_at       timestamptz,
    milestone    text         not null,
    closed_at    timestamptz,
    step         bigint       not null,
    deleted_at   timestamptz,

    constraint issues_pk          primary key (project, number),
    constraint issues_uid_unique  unique (uid),
    constraint issues_project_fk  foreign key (project) references projects,
    constraint issues_number      check (number >= 1),
    constraint issues_version     check (version >= 1),
    constraint issues_priority    check (priority between 0 and 5),
    constraint issues_step        check (step >= 0),
    constraint issues_resolution  check ((closed_at is null) = (resolution = ''))
);
