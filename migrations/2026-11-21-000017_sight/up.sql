-- What pages ask besides their own table. A page is planned each time, for its values, and every
-- table that it names makes that longer; within a function the plan is kept.

-- Issues of a project in which one of these holds an action.
create function potts_held(within text, holders text[]) returns bigint[]
    language plpgsql stable parallel safe
    set plan_cache_mode = force_generic_plan
as $$
begin
    return array(
        select a.issue from action_leases l join actions a on a.uid = l.action_id
         where l.actor = any(holders) and a.project = within
    );
end $$;

-- Whether there is such a project.
create function potts_is_live(named text) returns boolean
    language plpgsql stable parallel safe
    set plan_cache_mode = force_generic_plan
as $$
begin
    return exists (select from projects where id = named and deleted_at is null);
end $$;
