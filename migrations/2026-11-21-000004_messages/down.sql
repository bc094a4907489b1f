drop table inbound_keys;
