delete from definition_versions where kind = 'configuration';
drop table configurations;
