-- The instances of concurrency keys ('slot') or rate limits ('tokens') that stand in a phase: of
-- each key and kind the first p_most (null: all), or of each key as many as p_each says.
--
-- Each kind has a line of its own, so that none is behind another one that cannot start now.
-- Locks: none. Writes: nothing.
-- Plan:  key_trails_pkey, one descent for each key; as gendurable._key_kind and _key_rows for each
--        key and each kind of it, or as gendurable._of_trails.
create function gendurable._of_keys(p_sort gendurable.doorbell_kind, p_keys text[],
                                    p_phase gendurable.phase, p_most int,
                                    p_each int[] default null)
returns table (key text, kind int, id bigint, priority int, eligible_at timestamptz,
               weight float8, concurrency_key text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
declare
    v_trails gendurable.key_trails[];
    v_each   int[];
    v_known  text[];
begin
    select array_agg(t), array_agg(k.most), array_agg(k.key) into v_trails, v_each, v_known
    from unnest(p_keys, p_each) as k (key, most)
    cross join lateral gendurable._key_trail(p_sort, k.key) as t;
    if v_trails is not null then
        return query
        select t.* from gendurable._of_trails(v_trails, v_each, p_phase, p_most) as t;
        if cardinality(v_known) = cardinality(p_keys) then
            return;
        end if;
    end if;
    return query
    select k.key, q.kind::int, r.id, r.priority, r.eligible_at, r.weight, r.concurrency_key
    from unnest(p_keys, p_each) as k (key, most)
    cross join lateral (
        with recursive walk as (
            select n.kind
            from gendurable._key_kind(p_sort, k.key, p_phase, -1, 8388608) as n
            union all
            select n.kind
            from walk as w
            cross join lateral gendurable._key_kind(p_sort, k.key, p_phase, w.kind, 8388608) as n
        )
        select w.kind from walk as w
    ) as q
    cross join lateral gendurable._key_rows(
        p_sort, k.key, p_phase, q.kind, -2147483648, '-infinity', -9223372036854775808,
        2147483648, coalesce(k.most, p_most)) as r
    where v_known is null or k.key not in (select unnest(v_known));
end
$$;
comment on function gendurable._of_keys(gendurable.doorbell_kind, text[], gendurable.phase, int,
                                        int[])
    is 'The first instances of keys in a phase, kind by kind.';
