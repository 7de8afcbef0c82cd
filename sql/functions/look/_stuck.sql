-- The runnable instances that cannot start now, and the first reason that applies: each of
-- gendurable._suspects is judged, of each of its places at most p_most; null: all.
--
-- Locks: none. Plan: as gendurable._suspects and gendurable._capacity.
create function gendurable._stuck(p_most int default null)
returns table (id bigint, fsm text, queue text, step text,
               reason text, detail text, since timestamptz)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
begin
    return query
    with suspects as materialized (
        select s.* from gendurable._suspects(p_most) as s
    ), saturated as materialized (
        select k.key
        from (select distinct i.concurrency_key as key
              from suspects as i
              where i.phase = 'held') as k
        cross join lateral gendurable._capacity(k.key) as c
        where c.free = 0
    ), judged as (
        select i.id, i.fsm, i.queue, i.step, i.concurrency_key, i.rate_limit, i.weight,
               i.eligible_at, l.burst,
               case when i.reason is not null then i.reason
                    when i.rate_limit is not null and l.name is null then 'unknown_rate_limit'
                    when i.rate_limit is not null and coalesce(i.weight, 1) > l.burst
                        then 'weight_above_burst'
                    when i.phase = 'held' and s.key is not null then 'concurrency_key'
               end as reason
        from suspects as i
        left join gendurable.rate_limits as l on l.name = gendurable._policy(i.rate_limit)
        left join saturated as s on s.key = i.concurrency_key
        where i.eligible_at <= now()
    )
    select j.id, j.fsm, j.queue, j.step, j.reason,
           case j.reason
               when 'no_machine'
                   then (select format('%s version %s, step %s', i.fsm, i.fsm_version, i.step)
                         from gendurable.instances as i where i.id = j.id)
               when 'concurrency_key' then j.concurrency_key
               when 'unknown_rate_limit' then j.rate_limit
               when 'weight_above_burst'
                   then format('%s: weight %s, burst %s',
                               j.rate_limit, coalesce(j.weight, 1), j.burst)
               else j.queue
           end,
           j.eligible_at
    from judged as j
    where j.reason is not null
    order by j.eligible_at, j.id;
end
$$;
comment on function gendurable._stuck(int) is
    'The runnable instances that cannot start now, and why; oldest first.';
