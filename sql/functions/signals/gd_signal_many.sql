-- Delivers many signals: an array of objects {target | id, name, payload, dedup_key}.
-- All or nothing.
--
-- `id` addresses an instance by id; `target` by correlation key when it is a string, by id when it
-- is a number.
-- Locks:  the targets by id, all of them before the first delivery, so that two batches cannot wait
--         for each other.
-- Writes: dedup_keys, signals, instances.
-- Plan:   correlation_keys_pkey, instances_pkey; then as gendurable._deliver_many.
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
    c_fields     constant text[] := array['target', 'id', 'name', 'payload', 'dedup_key'];
    c_id         constant text := '^[0-9]{1,18}$';
    v_entry      record;
    v_targets    bigint[];
    v_locked     bigint[];
    v_names      text[];
    v_payloads   jsonb[];
    v_dedups     text[];
    v_duplicates int[];
begin
    if jsonb_typeof(gd_signal_many.entries) is distinct from 'array' then
        perform gendurable._refuse(
            'GD002',
            format('entries is %s, not an array',
                   coalesce(jsonb_typeof(gd_signal_many.entries), 'null')),
            'Pass a JSON array of objects {target | id, name, payload, dedup_key}.');
    end if;

    select x.ord, p.problem into v_entry
    from jsonb_array_elements(gd_signal_many.entries) with ordinality as x (entry, ord)
    cross join lateral (
        select case
            when jsonb_typeof(x.entry) <> 'object' then jsonb_typeof(x.entry) || ', not an object'
            when x.entry - c_fields <> '{}' then
                'unknown field '
                || (select f from jsonb_object_keys(x.entry - c_fields) as f order by f limit 1)
            when x.entry ->> 'target' is not null and x.entry ->> 'id' is not null then
                'both target and id are given'
            when x.entry ->> 'id' !~ c_id
                 or x.entry ->> 'target' !~ c_id
                    and jsonb_typeof(x.entry -> 'target') <> 'string' then
                'target is a correlation key or an instance id, id an instance id'
            when jsonb_typeof(x.entry -> 'name') not in ('string', 'null') then
                'name is not a string'
            when jsonb_typeof(x.entry -> 'dedup_key') not in ('string', 'null') then
                'dedup_key is not a string'
            else gendurable._signal_problem(coalesce(x.entry ->> 'target', x.entry ->> 'id'), null,
                                            x.entry ->> 'name', x.entry ->> 'dedup_key')
        end as problem
    ) as p
    where p.problem is not null
    order by x.ord
    limit 1;
    if v_entry.problem is not null then
        perform gendurable._refuse(
            'GD003', format('ord %s: %s', v_entry.ord, v_entry.problem),
            'Correct the entry and send the batch again; nothing of it was stored.');
    end if;

    -- A key may change hands before its occupant is locked. Then let go of all and look again: to
    -- lock the new occupant with others in hand would be out of order.
    while v_targets is null loop
        begin
            v_targets := array(
                select case
                    when jsonb_typeof(x.entry -> 'target') = 'string' then
                        (select k.instance_id from gendurable.correlation_keys as k
                         where k.key = x.entry ->> 'target')
                    else coalesce(x.entry ->> 'id', x.entry ->> 'target')::bigint
                end
                from jsonb_array_elements(gd_signal_many.entries) with ordinality as x (entry, ord)
                order by x.ord);
            v_locked := array(
                select i.id
                from gendurable.instances as i
                where i.id = any (v_targets)
                order by i.id
                for no key update);
            if exists (
                select
                from jsonb_array_elements(gd_signal_many.entries) with ordinality as x (entry, ord)
                where jsonb_typeof(x.entry -> 'target') = 'string'
                  and v_targets[x.ord] is distinct from (
                      select k.instance_id from gendurable.correlation_keys as k
                      where k.key = x.entry ->> 'target')
            ) then
                raise exception using
                    errcode = 'GD000',
                    message = 'gendurable: a correlation key changed hands meanwhile';
            end if;
        exception when sqlstate 'GD000' then
            v_targets := null;
        end;
    end loop;

    -- Whoever was found and has ended meanwhile is nobody.
    v_targets := array(
        select case when t.id in (select l from unnest(v_locked) as l) then t.id end
        from unnest(v_targets) with ordinality as t (id, ord)
        order by t.ord);
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
