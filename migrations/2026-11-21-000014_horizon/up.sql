-- Partitions of the log come to an end: the log begins behind them, they are exported, detached and
-- dropped. Each step is a state, so that whoever is killed in the middle is followed by another.
alter table event_partitions
    -- When the log began to begin behind it.
    add column ended_at        timestamptz,
    -- Of its first event, and of its last.
    add column min_at          timestamptz,
    add column max_at          timestamptz,
    -- Where its events are kept, what that file hashes to, and how many they are.
    add column archive_uri     text,
    add column archive_sha256  bytea,
    add column archive_events  bigint,
    drop constraint event_partitions_state_known,
    add constraint event_partitions_state_known
        check (state in ('ATTACHED', 'ENDED', 'ARCHIVED', 'DETACHED', 'DROPPED')),
    add constraint event_partitions_ended
        check ((state = 'ATTACHED') = (ended_at is null)),
    add constraint event_partitions_archive
        check (num_nulls(archive_uri, archive_sha256, archive_events) in (0, 3)),
    add constraint event_partitions_archived
        check (state <> 'ARCHIVED' or archive_uri is not null);
