delete from definition_versions where kind = 'people';
drop table credentials;
drop table members;
drop table group_members;
drop table groups;
drop table actors;
