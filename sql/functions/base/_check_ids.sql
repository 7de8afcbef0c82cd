-- Refuses a list of instances that is missing, or in which one is.
--
-- Errors: GD001, GD003.
create function gendurable._check_ids(p_ids bigint[]) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_ids is null then
        perform gendurable._refuse('GD001', 'ids is required', 'Name the instances by their ids.');
    end if;
    perform gendurable._refuse('GD003', format('ord %s: id is required', i.ord),
                               'Name each instance by its id.')
    from unnest(p_ids) with ordinality as i (id, ord)
    where i.id is null
    order by i.ord
    limit 1;
end
$$;
comment on function gendurable._check_ids(bigint[])
    is 'Refuses a list of instances that is missing, or in which one is.';
