-- The log of everything that happened, and what the ledger needs to write it.

-- The clock. Code never asks the database for the time in any other way, so tests can move it.
-- Stable over statement_timestamp(), so that it is inlined and an index condition may use it.
create function potts_now() returns timestamptz
    language sql stable parallel safe
    return statement_timestamp();

create table log_state (
    one         boolean  not null default true,
    epoch       uuid     not null default gen_random_uuid(),
    oldest_seq  bigint   not null default 1,

    constraint log_state_pk          primary key (one),
    constraint log_state_one_row     check (one),
    constraint log_state_oldest_seq  check (oldest_seq >= 1)
);
insert into log_state default values;

-- Dense in seq, which only the ledger's append assigns, under the order lock. The body is an
-- encoded potts.v1.Event without its seq; the other columns are what readers filter by.
create table events (
    seq           bigint       not null,
    event_id      uuid         not null,
    project       text         not null,
    root          text         not null,
    subject       text         not null,
    version       bigint       not null,
    type          text         not null,
    class         smallint     not null,
    ends_command  boolean      not null,
    recorded_at   timestamptz  not null,
    body          bytea        not null,

    constraint events_pk primary key (seq)
) partition by range (seq);

-- Serves Subscribe and ListEvents with a filter on roots.
create index events_by_root on events (root, seq);
-- Serves Subscribe and ListEvents with a filter on projects.
create index events_by_project on events (project, seq);
-- Serves Subscribe and ListEvents with a filter on types.
create index events_by_type on events (type, seq);

create function events_are_facts() returns trigger
    language plpgsql as $$
begin
    raise exception 'events are facts: they are neither changed nor deleted';
end
$$;
create trigger events_are_facts
    before update or delete on events
    for each row execute function events_are_facts();

-- The partitions of events, by number: events_00000007 is 7.
create table event_partitions (
    index  bigint  not null,
    state  text    not null,

    constraint event_partitions_pk           primary key (index),
    constraint event_partitions_state_known  check (state in ('ATTACHED'))
);

-- Calls that were acknowledged, so that the same call again happens once.
create table requests (
    caller       text         not null,
    request_id   uuid         not null,
    fingerprint  bytea        not null,
    names        text[]       not null,
    changed      boolean      not null,
    last_seq     bigint       not null,
    created_at   timestamptz  not null,

    constraint requests_pk primary key (caller, request_id)
);
-- Serves the sweeper.
create index requests_by_created_at on requests (created_at);

-- How often the definitions of a kind have changed.
create table definition_versions (
    project  text    not null,
    kind     text    not null,
    version  bigint  not null,

    constraint definition_versions_pk primary key (project, kind)
);
