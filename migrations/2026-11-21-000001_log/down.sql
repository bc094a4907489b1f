drop table definition_versions;
drop table requests;
drop table event_partitions;
drop table events;
drop function events_are_facts;
drop table log_state;
drop function potts_now;
