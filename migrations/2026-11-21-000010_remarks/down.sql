delete from counters where noun in ('comments', 'references');
drop table object_references;
drop table comments;
