drop index groups_by_name, actors_by_name, projects_by_name;
