-- As gendurable._of_keys, of keys that have a trail.
--
-- Each line from its floor on, up to the next line of its kind; what is before the first one; the
-- kinds without a floor; and what came late, below a floor.
-- Locks: none. Writes: nothing.
-- Plan:  as gendurable._key_kind, _key_rows, _key_latecomers and _late_runs.
create function gendurable._of_trails(p_trails gendurable.key_trails[], p_each int[],
                                      p_phase gendurable.phase, p_most int)
returns table (key text, kind int, id bigint, priority int, eligible_at timestamptz,
               weight float8, concurrency_key text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = on
set enable_sort = on
set jit = off
as $$
declare
    c_first  constant int := -2147483648;
    c_least  constant bigint := -9223372036854775808;
    c_beyond constant bigint := 2147483648;
begin
    return query
    with trail as materialized (
        select t.sort, t.key, t.floors, coalesce(p_each[t.nth], p_most) as most,
               case when exists (select from unnest(t.floors) as f where f.phase = p_phase)
                    then gendurable._late_runs(p_trails[t.nth], p_phase) end as runs
        from unnest(p_trails) with ordinality
            as t (sort, key, seq, xid, moved_at, next, floors, bound, pending, nth)
    ), floor as materialized (
        select t.sort, t.key, t.most, t.runs, f.kind, f.priority, f.at, f.id,
               lead(f.priority::bigint, 1, c_beyond)
                   over (partition by t.key, f.kind order by f.priority) as until,
               row_number() over (partition by t.key, f.kind order by f.priority) as nth
        from trail as t
        cross join lateral unnest(t.floors) as f
        where f.phase = p_phase
    ), segment as materialized (
        -- Between two kinds that have a floor.
        select t.sort, t.key, t.most, b.kind as after,
               lead(b.kind, 1, 8388608::bigint) over (partition by t.key order by b.kind) as before
        from trail as t
        cross join lateral (
            select -1::bigint as kind
            union
            select f.kind from floor as f where f.key = t.key
        ) as b
    ), place as materialized (
        select f.sort, f.key, f.most, f.kind::bigint as kind, f.priority, f.at, f.id, f.until
        from floor as f
        union all
        select f.sort, f.key, f.most, f.kind, c_first, '-infinity', c_least, f.priority
        from floor as f
        where f.nth = 1
        union all
        select s.sort, s.key, s.most, q.kind, c_first, '-infinity', c_least, c_beyond
        from segment as s
        cross join lateral (
            with recursive walk as (
                select n.kind
                from gendurable._key_kind(s.sort, s.key, p_phase, s.after, s.before) as n
                union all
                select n.kind
                from walk as w
                cross join lateral gendurable._key_kind(s.sort, s.key, p_phase, w.kind,
                                                        s.before) as n
            )
            select w.kind from walk as w
        ) as q
    ), found as (
        select p.key, p.kind, p.most, r.*
        from place as p
        cross join lateral gendurable._key_rows(p.sort, p.key, p_phase, p.kind, p.priority, p.at,
                                                p.id, p.until, p.most) as r
        union all
        select f.key, f.kind, f.most, r.*
        from floor as f
        cross join lateral unnest(f.runs) as n (run)
        cross join lateral gendurable._key_latecomers(f.sort, f.key, p_phase, n.run, f.kind,
                                                      f.priority, f.at, f.id, f.most) as r
    )
    select n.key, n.kind::int, n.id, n.priority, n.eligible_at, n.weight, n.concurrency_key
    from (select f.*, row_number() over (partition by f.key, f.kind
                                         order by f.priority, f.eligible_at, f.id) as nth
          from found as f) as n
    where n.nth <= coalesce(n.most, n.nth);
end
$$;
comment on function gendurable._of_trails(gendurable.key_trails[], int[], gendurable.phase, int)
    is 'The first instances in a phase of keys that have a trail, kind by kind.';
