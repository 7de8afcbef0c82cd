-- The rows of one table among those that move, in the order in which they left.
create function gendurable._moved_rows(p_rows jsonb, p_relation text)
returns table (content jsonb)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select r.value -> 'content'
    from jsonb_array_elements(p_rows) with ordinality as r (value, ord)
    where r.value ->> 'relation' = p_relation
    order by r.ord;
$$;
comment on function gendurable._moved_rows(jsonb, text) is
    'The rows of one table among those that move.';
