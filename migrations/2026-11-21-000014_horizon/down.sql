-- What is detached is before the beginning of the log: it goes now.
do $$
declare
    gone bigint;
begin
    for gone in select index from event_partitions where state = 'DETACHED' loop
        execute format('drop table if exists events_%s', lpad(gone::text, 8, '0'));
    end loop;
end $$;
delete from event_partitions where state in ('DETACHED', 'DROPPED');

alter table event_partitions
    drop constraint event_partitions_archived,
    drop constraint event_partitions_archive,
    drop constraint event_partitions_ended,
    drop constraint event_partitions_state_known;
update event_partitions set state = 'ATTACHED';
alter table event_partitions
    drop column archive_events,
    drop column archive_sha256,
    drop column archive_uri,
    drop column max_at,
    drop column min_at,
    drop column ended_at,
    add constraint event_partitions_state_known check (state in ('ATTACHED'));
