-- Who works: actors, the groups they belong to, what they may do in projects, and their tokens.

create table actors (
    name           text         not null,
    uid            uuid         not null,
    version        bigint       not null,
    created_at     timestamptz  not null,
    updated_at     timestamptz  not null,
    creator        text         not null,
    kind           text         not null,
    display_name   text         not null,
    email          text         not null,
    time_zone      text         not null,
    working_hours  jsonb        not null,
    urn            text         not null,
    state          text         not null,
    admin          boolean      not null,
    deleted_at     timestamptz,

    constraint actors_pk           primary key (name),
    constraint actors_uid_unique   unique (uid),
    constraint actors_name_form    check (name ~ '^actors/[a-z]([a-z0-9-]{0,61}[a-z0-9])?$'),
    constraint actors_kind_known   check (kind in ('PERSON', 'MACHINE', 'SYSTEM')),
    constraint actors_state_known  check (state in ('ACTIVE', 'DISABLED')),
    constraint actors_version      check (version >= 1)
);
-- The actor of the root token, and the service itself.
insert into actors values
    ('actors/root', '00000000-0000-7000-8000-000000000001', 1, potts_now(), potts_now(),
     'actors/potts', 'SYSTEM', 'Root', '', '', '[]', '', 'ACTIVE', true, null),
    ('actors/potts', '00000000-0000-7000-8000-000000000002', 1, potts_now(), potts_now(),
     'actors/potts', 'SYSTEM', 'Potts', '', '', '[]', '', 'ACTIVE', true, null);

create table groups (
    name          text         not null,
    uid           uuid         not null,
    version       bigint       not null,
    created_at    timestamptz  not null,
    updated_at    timestamptz  not null,
    creator       text         not null,
    kind          text         not null,
    display_name  text         not null,
    deleted_at    timestamptz,

    constraint groups_pk          primary key (name),
    constraint groups_uid_unique  unique (uid),
    constraint groups_name_form   check (name ~ '^groups/[a-z]([a-z0-9-]{0,61}[a-z0-9])?$'),
    constraint groups_kind_known  check (kind in ('TEAM', 'DEPARTMENT', 'SKILLSET', 'DUTY')),
    constraint groups_version     check (version >= 1)
);

-- Who is in a group: actors, and other groups. A deleted group has none, and is in none.
create table group_members (
    group_name  text  not null,
    member      text  not null,

    constraint group_members_pk        primary key (group_name, member),
    constraint group_members_group_fk  foreign key (group_name) references groups,
    constraint group_members_not_self  check (group_name <> member)
);
-- Serves the way up from somebody to all their groups.
create index group_members_by_member on group_members (member, group_name);

create table members (
    project     text         not null,
    id          text         not null,
    uid         uuid         not null,
    version     bigint       not null,
    created_at  timestamptz  not null,
    updated_at  timestamptz  not null,
    creator     text         not null,
    member      text         not null,
    role        text         not null,

    constraint members_pk             primary key (project, id),
    constraint members_uid_unique     unique (uid),
    constraint members_member_unique  unique (project, member),
    constraint members_project_fk     foreign key (project) references projects,
    constraint members_version        check (version >= 1),
    constraint members_role_known
        check (role in ('VIEWER', 'REPORTER', 'WORKER', 'MANAGER', 'ADMIN'))
);
-- Serves the look-up of somebody's roles.
create index members_by_member on members (member);

-- Tokens by which actors are known. The token itself is told once and never stored.
create table credentials (
    uid           uuid         not null,
    actor         text         not null,
    created_at    timestamptz  not null,
    creator       text         not null,
    display_name  text         not null,
    token_hash    bytea        not null,
    expires_at    timestamptz,
    revoked_at    timestamptz,

    constraint credentials_pk           primary key (uid),
    constraint credentials_hash_unique  unique (token_hash),
    constraint credentials_actor_fk     foreign key (actor) references actors,
    constraint credentials_hash_length  check (length(token_hash) = 32)
);
-- Serves the credentials of an actor.
create index credentials_by_actor on credentials (actor, uid);

-- Definitions of the installation belong to no project.
insert into definition_versions (project, kind, version) values ('', 'people', 1);
