drop table counters;
drop table projects;
