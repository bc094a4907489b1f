-- What lists go by that are not asked for another order: names, by their bytes.

create index projects_by_name on projects ((('projects/' || id) collate "C"))
    where deleted_at is null;
create index actors_by_name on actors (name collate "C") where deleted_at is null;
create index groups_by_name on groups (name collate "C") where deleted_at is null;
