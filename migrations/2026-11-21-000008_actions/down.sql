drop table dependencies;
drop table attempts;
drop table action_leases;
drop table ready_actions;
drop table lines;
drop table action_waits;
drop table action_keys;
drop table actions;
