-- Forgets the trails of keys that were not moved for a day; answers how many. It looks at a
-- thousand keys in a call, and the next call goes on behind them.
--
-- A line without a trail is looked through from its beginning: that is right, and only slower. The
-- lock of the name spares a pick the wait for a trail that is being deleted.
-- p_sort: 'slot' or 'tokens'.
-- Locks:  keys by name, never waiting; the caller holds the lock of maintenance.
-- Writes: key_trails, progress. Plan: key_trails_pkey, walked key by key.
create function gendurable._sweep_key_trails(p_sort gendurable.doorbell_kind) returns int
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    c_most  constant int := 1000;
    v_at    gendurable.progress := gendurable._read_progress('key_trails_' || p_sort);
    v_old   text[];
    v_swept int;
begin
    if v_at.position = '0' then
        v_at.position := '';
    end if;
    with recursive trail as (
        (select t.key from gendurable.key_trails as t
         where t.sort = p_sort and t.key > v_at.position
         order by t.sort, t.key
         limit 1)
        union all
        select n.key
        from trail as r
        cross join lateral (
            select t.key from gendurable.key_trails as t
            where t.sort = p_sort and t.key > r.key
            order by t.sort, t.key
            limit 1
        ) as n
    )
    select array_agg(w.key), case when count(*) = c_most then max(w.key) else '' end
    into v_old, v_at.position
    from (select r.key from trail as r limit c_most) as w;
    perform gendurable._note_progress(v_at);
    v_old := array(
        select k from unnest(v_old) as k
        where not exists (select from gendurable.key_trails as t
                          where t.sort = p_sort and t.key = k
                            and t.moved_at >= now() - interval '1 day')
          and gendurable._lock_name(p_sort, k));
    -- A new statement, younger than the locks.
    delete from gendurable.key_trails as t
    where t.sort = p_sort and t.key = any (v_old) and t.moved_at < now() - interval '1 day';
    get diagnostics v_swept = row_count;
    return v_swept;
end
$$;
comment on function gendurable._sweep_key_trails(gendurable.doorbell_kind) is
    'Forgets the trails of keys that were not moved for a day.';
