-- How far the views count and list, as the session says with `gendurable.most_counted`: a number,
-- at least 100. Null: it does not say, or something else.
--
-- Locks: none. Plan: none.
create function gendurable._most_counted() returns int
language sql stable
set search_path = pg_catalog, pg_temp
return (
    select greatest(100, substring(s.said from '^[0-9]{1,9}$')::int)
    from (select current_setting('gendurable.most_counted', true) as said) as s
    where s.said ~ '^[0-9]{1,9}$'
);
comment on function gendurable._most_counted() is
    'How far the views count and list, as the session says; null: it does not.';
