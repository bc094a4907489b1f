alter table events
    drop column visible_before,
    drop column visible_after;
