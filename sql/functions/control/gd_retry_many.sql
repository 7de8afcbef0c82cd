-- Brings failed instances back, each as gd_retry does, to the step that failed, with its state;
-- answers for each of `ids`, in order: what gd_retry answers; or busy, where another transaction
-- has the archived row, or has been taking or freeing its correlation key for longer than 50 ms.
-- None waits for the others. Of several with one correlation key the first has it.
--
-- Table by table of the archive, the newest first (gendurable._archive_tables); what is moved to
-- the last one meanwhile is found there.
--
-- retry x the commit in which one fails: the commit may move it to a table that this has looked
-- through, before this looks among the live ones. So what it finds nowhere it looks for once more:
-- to be missed again it would have to be brought back by another session, and to fail, meanwhile.
-- Locks:  the archived rows, never waiting; their correlation keys, waiting for 50 ms, once.
-- Writes: as gendurable._bring_back.
-- Plan:   the primary key of each table; correlation_keys_pkey; as gendurable._bring_back.
-- Errors: GD001 ids missing; GD003 one of them missing.
--         Warnings: GD101, GD102 (see gendurable._warn_of_rates).
create function public.gd_retry_many(ids bigint[]) returns table (id bigint, result text)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = on
set enable_sort = on
set jit = off
as $$
declare
    v_left   bigint[];
    v_table  regclass;
    v_found  bigint[];
    v_some   bigint[];
    v_keyed  text[];
    v_ids    bigint[] := array[]::bigint[];    -- that have failed and are locked
    v_keys   text[] := array[]::text[];        -- which they occupy
    v_places regclass[] := array[]::regclass[];
    v_ended  bigint[] := array[]::bigint[];    -- that have not failed
    v_back   bigint[];
    v_taken  bigint[];
    v_live   bigint[] := array[]::bigint[];
begin
    if gendurable._is_open('public.gd_retry_many(bigint[])') then
        perform gendurable._refuse_open();
    end if;
    perform gendurable._check_ids(gd_retry_many.ids);
    v_left := array(select distinct u from unnest(gd_retry_many.ids) as u);

    for v_look in 1 .. 2 loop
        foreach v_table in array gendurable._archive_tables() loop
            exit when v_left = '{}';
            begin
                execute format('select array_agg(f.id), array_agg(f.id) filter (where not f.failed)
                                from %s as f where f.id = any ($1)', v_table)
                into v_found, v_some using v_left;
                if v_found is null then
                    raise no_data_found;    -- as gendurable._archived
                end if;
            exception when no_data_found or undefined_table then
                continue;
            end;
            v_ended := v_ended || v_some;
            execute format('select array_agg(l.id), array_agg(l.key)
                            from (select f.id, case when gendurable._occupies(f.correlation_key,
                                                                              f.correlation_scope)
                                                    then f.correlation_key end as key
                                  from %s as f
                                  where f.id = any ($1) and f.failed
                                  for update skip locked) as l', v_table)
            into v_some, v_keyed using v_found;
            v_ids := v_ids || v_some;
            v_keys := v_keys || v_keyed;
            v_places := v_places || array_fill(v_table, array[coalesce(cardinality(v_some), 0)]);
            -- What is there no more is somewhere else.
            execute format('select array_agg(f.id) from %s as f where f.id = any ($1)', v_table)
            into v_found using v_found;
            v_left := array(select unnest(v_left) except select unnest(v_found));
        end loop;
        v_live := v_live || array(
            select i.id from gendurable.instances as i where i.id = any (v_left));
        v_left := array(select unnest(v_left) except select unnest(v_live));
    end loop;

    perform gendurable._try_take_keys(array_agg(k.key), array_agg(k.id), '50ms')
    from (select distinct on (x.key) x.key, x.id
          from unnest(v_ids, v_keys) as x (id, key)
          join (select u.id, min(u.ord) as ord
                from unnest(gd_retry_many.ids) with ordinality as u (id, ord)
                group by u.id) as g on g.id = x.id
          where x.key is not null
          order by x.key, g.ord) as k
    having count(*) > 0;
    select coalesce(array_agg(x.id) filter (where x.key is null or k.instance_id = x.id), '{}'),
           coalesce(array_agg(x.id) filter (where k.instance_id <> x.id), '{}')
    into v_back, v_taken
    from unnest(v_ids, v_keys) as x (id, key)
    left join gendurable.correlation_keys as k on k.key = x.key;
    -- A loop over tables.
    for v_table, v_some in
        select p.place, array_agg(p.id)
        from unnest(v_places, v_ids) as p (place, id)
        join unnest(v_back) as b (id) on b.id = p.id
        group by p.place
    loop
        perform gendurable._bring_back(v_table, v_some);
    end loop;

    return query
    select u.id,
           case when u.id in (select unnest(v_back))
                then case when row_number() over (partition by u.id order by u.ord) = 1
                          then 'retried' else 'not_failed' end
                when u.id in (select unnest(v_taken)) then 'key_taken'
                when u.id in (select unnest(v_ended || v_live)) then 'not_failed'
                when u.id in (select unnest(v_left)) then 'no_target'
                else 'busy' end
    from unnest(gd_retry_many.ids) with ordinality as u (id, ord)
    order by u.ord;
end
$$;
comment on function public.gd_retry_many(bigint[])
    is 'Brings failed instances back by their ids; what became of each.';
