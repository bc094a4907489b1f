-- Who may see what an event tells, by the names of groups and actors: the state before it, and the
-- state after it. Null is everybody who may read the project, and takes no room.
alter table events
    add column visible_before  text[],
    add column visible_after   text[];
