-- How much each name of a concurrency key or a rate limit is used: its keys, how many instances
-- execute under them, how many wait.
--
-- What executes is exact. What waits is exact while no more than p_most instances have or want
-- slots, or want tokens; beyond that p_most of them are looked at, and a name waits as often
-- as the statistics say, if that is more. `keys` are those that were looked at. Buckets are up
-- to their readers.
-- Locks: none.
-- Plan:  instances_keyed and instances_rated, without a look at the rows; instances_claims.
create function gendurable._usage(p_most int default 100000)
returns table (kind text, name text, keys bigint, executing bigint, waiting bigint)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
begin
    return query
    with waits as (
        -- Nothing but the predicate of the index, so that the number of entries read is bounded,
        -- whatever they are.
        select 'concurrency' as kind, x.key,
               count(*) as n, count(*) as looked
        from (select i.concurrency_key as key from gendurable.instances as i
              where i.concurrency_key is not null and i.phase in ('ready', 'held')
              limit p_most + 1) as x
        group by x.key
        union all
        select 'rate', x.key, count(*), count(*)
        from (select i.rate_limit as key from gendurable.instances as i
              where i.rate_limit is not null and i.phase in ('ready', 'throttled')
              limit p_most + 1) as x
        group by x.key
    ), executes as (
        select i.concurrency_key as key, count(*) as n
        from gendurable.instances as i
        where i.worker_id is not null and i.phase = 'executing' and i.concurrency_key is not null
        group by i.concurrency_key
    ), counted as (
        select u.kind, gendurable._policy(u.key) as name, count(distinct u.key) as keys,
               sum(u.executes)::bigint as executing, sum(u.waits)::bigint as waiting
        from (select w.kind, w.key, 0 as executes, w.n as waits from waits as w
              union all
              select 'concurrency', e.key, e.n, 0 from executes as e) as u
        group by u.kind, gendurable._policy(u.key)
    ), estimated as (
        -- Asked for only where not all were counted.
        select m.kind, e.label as name, sum(e.n)::bigint as waiting
        from (select w.kind from waits as w group by w.kind having sum(w.looked) > p_most) as m
        cross join lateral gendurable._estimates(
            case m.kind when 'rate' then 'instances_by_rate' else 'instances_by_key' end
        ) as e
        where e.label is not null
          and e.phase in (
              'ready',
              case m.kind when 'rate' then 'throttled'::gendurable.phase else 'held' end)
        group by m.kind, e.label
    )
    select coalesce(c.kind, e.kind), coalesce(c.name, e.name), coalesce(c.keys, 0),
           coalesce(c.executing, 0), greatest(c.waiting, e.waiting)
    from counted as c
    full join estimated as e on e.kind = c.kind and e.name = c.name;
end
$$;
comment on function gendurable._usage(int) is
    'How much each name of a concurrency key or a rate limit is used; beyond a number, an '
    'estimate.';
