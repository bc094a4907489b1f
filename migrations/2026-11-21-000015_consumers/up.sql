-- Durable consumers: named readers whose position the server keeps.
--
-- The rows of the buckets guard all that is of a consumer: whoever changes anything of it holds the
-- lock of the bucket that it is of, and whoever changes the consumer itself holds those of all.

create table consumers (
    project          text         not null,
    id               text         not null,
    uid              uuid         not null,
    version          bigint       not null,
    created_at       timestamptz  not null,
    updated_at       timestamptz  not null,
    creator          text         not null,
    filter           jsonb        not null,
    buckets          smallint     not null,
    keyed_by         text         not null,
    ack_deadline_ms  bigint       not null,
    attempts_max     integer      not null,
    state            text         not null,
    -- Drawn anew by each reset: what waited to be tried again before it is of no use any more.
    run              uuid         not null,

    constraint consumers_pk              primary key (project, id),
    constraint consumers_uid_unique      unique (uid),
    constraint consumers_run_unique      unique (run),
    constraint consumers_version         check (version >= 1),
    constraint consumers_buckets         check (buckets between 1 and 64),
    constraint consumers_keyed_by_known  check (keyed_by in ('ROOT', 'PROJECT')),
    constraint consumers_ack_deadline    check (ack_deadline_ms between 1000 and 3600000),
    constraint consumers_attempts_max    check (attempts_max between 1 and 100),
    constraint consumers_state_known     check (state in ('ACTIVE', 'PAUSED', 'EXPIRED'))
);

-- Who reads: one row a stream that is open.
create table consumer_members (
    project     text         not null,
    consumer    text         not null,
    member      uuid         not null,
    seen_until  timestamptz  not null,

    constraint consumer_members_pk  primary key (project, consumer, member)
);

create table consumer_buckets (
    project      text            not null,
    consumer     text            not null,
    bucket       smallint        not null,
    -- Counts every change: whoever has read the bucket at a version need not read what is of it.
    version      bigint          not null,
    member       uuid,
    lease_until  timestamptz,
    fence        bigint          not null,
    done_seq     bigint          not null,
    finished     int8multirange  not null,
    waiting      integer         not null,
    -- Deliveries whose members asked for more time: until when, in microseconds, by seq.
    extended     jsonb           not null,

    constraint consumer_buckets_pk      primary key (project, consumer, bucket),
    constraint consumer_buckets_lease   check ((member is null) = (lease_until is null)),
    constraint consumer_buckets_counts  check (fence >= 0 and done_seq >= 0 and waiting >= 0)
);

-- Events that failed, and later ones of their keys: those with 0 attempts.
create table consumer_retries (
    run       uuid         not null,
    seq       bigint       not null,
    bucket    smallint     not null,
    key       text         not null,
    attempts  integer      not null,
    next_at   timestamptz  not null,
    reason    text         not null,

    constraint consumer_retries_pk        primary key (run, seq),
    constraint consumer_retries_attempts  check (attempts >= 0)
);

-- Serves the holder of a bucket, who reads what waits in it.
create index consumer_retries_by_bucket on consumer_retries (run, bucket, seq);

-- Events that are not tried any more. They are copies, because the log forgets earlier.
create table parked_events (
    consumer        uuid         not null,
    seq             bigint       not null,
    bucket          smallint     not null,
    key             text         not null,
    attempts        integer      not null,
    reason          text         not null,
    parked_at       timestamptz  not null,
    project         text         not null,
    root            text         not null,
    subject         text         not null,
    type            text         not null,
    class           smallint     not null,
    visible_before  text[],
    visible_after   text[],
    body            bytea        not null,

    constraint parked_events_pk  primary key (consumer, seq)
);

-- Serves the sweeper.
create index parked_events_by_parked_at on parked_events (parked_at);

alter table counters
    drop constraint counters_noun_known,
    add constraint counters_noun_known check
        (noun in ('issues', 'actions', 'comments', 'references', 'relations', 'consumers'));
