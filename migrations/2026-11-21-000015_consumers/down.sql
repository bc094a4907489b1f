delete from counters where noun = 'consumers';
alter table counters
    drop constraint counters_noun_known,
    add constraint counters_noun_known check
        (noun in ('issues', 'actions', 'comments', 'references', 'relations'));
drop table parked_events;
drop table consumer_retries;
drop table consumer_buckets;
drop table consumer_members;
drop table consumers;
