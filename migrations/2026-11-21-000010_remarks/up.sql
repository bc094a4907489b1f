-- What is said about things, and what they point to. Parents are named, because they are of several
-- kinds; numbers are dense per parent.

create table comments (
    parent      text         not null,
    number      bigint       not null,
    uid         uuid         not null,
    version     bigint       not null,
    created_at  timestamptz  not null,
    updated_at  timestamptz  not null,
    creator     text         not null,
    text        text         not null,
    edited_at   timestamptz,

    constraint comments_pk          primary key (parent, number),
    constraint comments_uid_unique  unique (uid),
    constraint comments_number      check (number >= 1),
    constraint comments_version     check (version >= 1)
);

-- "references" alone is a word of SQL.
create table object_references (
    parent      text         not null,
    number      bigint       not null,
    uid         uuid         not null,
    version     bigint       not null,
    created_at  timestamptz  not null,
    updated_at  timestamptz  not null,
    creator     text         not null,
    label       text         not null,
    role        text         not null,
    target      text         not null,
    value       text         not null,

    constraint object_references_pk            primary key (parent, number),
    constraint object_references_uid_unique    unique (uid),
    constraint object_references_number        check (number >= 1),
    constraint object_references_version       check (version >= 1),
    constraint object_references_target_known  check (target in ('URI', 'TEXT', 'RESOURCE')),
    constraint object_references_role_known
        check (role in ('LINK', 'EVIDENCE', 'LOCATION', 'COMMIT', 'CHAIN'))
);
