-- Delivers many signals: an array of objects {target | id, name, payload, dedup_key}.
-- All or nothing.
--
-- `id` addresses an instance by id; `target` by correlation key when it is a string, by id when it
-- is a number.
-- Locks:  the targets by id, waiting for them (gendurable._lock_targets).
-- Writes: dedup_keys, signals, instances.
-- Plan:   as gendurable._lock_targets and _deliver_many.
-- Errors: GD002 not an array; GD003 a bad entry, with its place in DETAIL.
create function public.gd_signal_many(entries jsonb) returns table (ord int, result text)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
declare
    v_bad        record;
    v_targets    bigint[];
    v_names      text[];
    v_payloads   jsonb[];
    v_dedups     text[];
    v_duplicates int[];
begin
    if gendurable._is_open('public.gd_signal_many(jsonb)') then
        perform gendurable._refuse_open();
    end if;
    if jsonb_typeof(gd_signal_many.entries) is distinct from 'array' then
        perform gendurable._refuse(
            'GD002',
            format('entries is %s, not an array',
                   coalesce(jsonb_typeof(gd_signal_many.entries), 'null')),
            'Pass a JSON array of objects {target | id, name, payload, dedup_key}.');
    end if;

    select x.ord, gendurable._signal_entry_problem(x.entry) as problem into v_bad
    from jsonb_array_elements(gd_signal_many.entries) with ordinality as x (entry, ord)
    where gendurable._signal_entry_problem(x.entry) is not null
    order by x.ord
    limit 1;
    if found then
        perform gendurable._refuse(
            'GD003', format('ord %s: %s', v_bad.ord, v_bad.problem),
            'Correct the entry and send the batch again; nothing of it was stored.');
    end if;

    v_targets := gendurable._lock_targets(gd_signal_many.entries);
    select array_agg(x.entry ->> 'name' order by x.ord),
           array_agg(nullif(x.entry -> 'payload', 'null') order by x.ord),
           array_agg(x.entry ->> 'dedup_key' order by x.ord)
    into v_names, v_payloads, v_dedups
    from jsonb_array_elements(gd_signal_many.entries) with ordinality as x (entry, ord);
    v_duplicates := gendurable._deliver_many(v_targets, v_names, v_payloads, v_dedups);
    return query
    select t.ord::int,
           case when t.id is null then 'no_target'
                when t.ord in (select d from unnest(v_duplicates) as d) then 'duplicate'
                else 'delivered' end
    from unnest(v_targets) with ordinality as t (id, ord)
    order by t.ord;
end
$$;
comment on function public.gd_signal_many(jsonb) is 'Delivers many signals, all or none.';
