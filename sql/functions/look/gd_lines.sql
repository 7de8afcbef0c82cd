-- The waiting lines of a limit, key by key, the longest first: what gd_limits tells of all keys of
-- a name together. Of those that wait or may start at once 100,000 are looked at.
--
-- kind:    'concurrency' or 'rate'.
-- in_use:  how many execute under the key; how many tokens are drawn from its bucket.
-- waiting: how many wait, or are about to start.
-- first:   the most urgent of them.
-- due_at:  of a rate key, when its tokens are due; null: at once, or nothing waits for tokens.
-- Locks:  none. Writes: nothing.
-- Plan:   instances_keyed or instances_rated, without a look at the rows; instances_claims;
--         as gendurable._bucket.
-- Errors: GD002 another kind, a negative `most`.
create function public.gd_lines(kind text, name text, most int default 100)
returns table (key text, in_use float8, waiting bigint, first bigint, due_at timestamptz)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
begin
    if gendurable._is_open('public.gd_lines(text,text,int)') then
        perform gendurable._refuse_open();
    end if;
    perform gendurable._check_search(null, gd_lines.most, 1);
    if gd_lines.kind = 'concurrency' then
        return query
        with waits as (
            select x.key, count(*) as n
            from (select i.concurrency_key as key from gendurable.instances as i
                  where i.concurrency_key is not null and i.phase in ('ready', 'held')
                  limit 100000) as x
            where gendurable._policy(x.key) = gd_lines.name
            group by x.key
        ), executes as (
            select i.concurrency_key as key, count(*) as n
            from gendurable.instances as i
            where i.worker_id is not null and i.phase = 'executing'
              and gendurable._policy(i.concurrency_key) = gd_lines.name
            group by i.concurrency_key
        )
        select l.key, l.executes::float8, l.waits,
               (select i.id from gendurable.instances as i
                where i.concurrency_key = l.key and i.concurrency_key is not null
                  and i.phase in ('ready', 'held')
                order by i.priority, i.eligible_at, i.id limit 1),
               null::timestamptz
        from (select coalesce(w.key, e.key) as key, coalesce(e.n, 0) as executes,
                     coalesce(w.n, 0) as waits
              from waits as w full join executes as e on e.key = w.key
              order by coalesce(w.n, 0) desc, coalesce(e.n, 0) desc, coalesce(w.key, e.key)
              limit gd_lines.most) as l
        order by l.waits desc, l.executes desc, l.key;
    elsif gd_lines.kind = 'rate' then
        return query
        with waits as (
            select x.key, count(*) as n
            from (select i.rate_limit as key from gendurable.instances as i
                  where i.rate_limit is not null and i.phase in ('ready', 'throttled')
                  limit 100000) as x
            where gendurable._policy(x.key) = gd_lines.name
            group by x.key
        ), drawn as (
            select distinct b.key
            from (select b.key from gendurable.buckets as b limit 100000) as b
            where gendurable._policy(b.key) = gd_lines.name
        )
        select l.key, coalesce(b.burst - coalesce(b.tokens, b.burst), 0), l.waits,
               (select i.id from gendurable.instances as i
                where i.rate_limit = l.key and i.rate_limit is not null
                  and i.phase in ('ready', 'throttled')
                order by i.priority, i.eligible_at, i.id limit 1),
               case when isfinite(b.due_at) then b.due_at end
        from (select coalesce(w.key, d.key) as key, coalesce(w.n, 0) as waits
              from waits as w full join drawn as d on d.key = w.key
              order by coalesce(w.n, 0) desc, coalesce(w.key, d.key)
              limit gd_lines.most) as l
        cross join lateral gendurable._bucket(l.key, now()) as b
        order by l.waits desc, l.key;
    else
        perform gendurable._refuse('GD002', format('kind is %s', coalesce(gd_lines.kind, 'null')),
                                   'One of concurrency, rate.');
    end if;
end
$$;
comment on function public.gd_lines(text, text, int)
    is 'The waiting lines of a limit, key by key, the longest first.';
