-- Creates many instances at once: an array of objects whose fields are the arguments of gd_enqueue.
-- All or nothing.
--
-- Locks:  see gendurable._enqueue.
-- Writes: correlation_keys, instances.
-- Errors: GD002 not an array; GD003 a bad entry, with its place in DETAIL.
create function public.gd_enqueue_many(entries jsonb)
returns table (ord int, id bigint, duplicate boolean)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
begin
    if gendurable._is_open('public.gd_enqueue_many(jsonb)') then
        perform gendurable._refuse_open();
    end if;
    if jsonb_typeof(gd_enqueue_many.entries) is distinct from 'array' then
        perform gendurable._refuse(
            'GD002',
            format('entries is %s, not an array',
                   coalesce(jsonb_typeof(gd_enqueue_many.entries), 'null')),
            'Pass a JSON array of objects with the argument names of gd_enqueue.');
    end if;

    return query
    select e.ord, e.id, e.duplicate
    from gendurable._enqueue(gendurable._parse_entries(gd_enqueue_many.entries)) as e;
end
$$;
comment on function public.gd_enqueue_many(jsonb) is 'Creates many instances, all or none.';
