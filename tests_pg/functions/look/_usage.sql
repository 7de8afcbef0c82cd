-- gendurable._usage: how much each name of a concurrency key or a rate limit is used, counted or estimated.
begin;
select plan(8);

create function pg_temp.put(p_phase gendurable.phase, p_key text, p_rate text, p_n int default 1) returns void
    language sql as $$
    insert into gendurable.instances (enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version,
        fsm, queue, worker_id, concurrency_key, rate_limit)
    select now(), now(), now(), p_phase, 's', '{}', 0, 1, 'm', 'q', case when p_phase = 'executing' then 1 end, p_key,
        p_rate
    from generate_series(1, p_n)
$$;
create function pg_temp.usage(p_kind text, p_most int default 100000) returns text language sql as $$
    select string_agg(concat_ws(' ', u.name, u.keys, u.executing, u.waiting), ', ' order by u.name)
        from gendurable._usage(p_most) as u where u.kind = p_kind
$$;

select is_empty('select * from gendurable._usage()', 'nothing live, nothing used');
-- Every phase, with and without keys, of several names.
select pg_temp.put(p.phase, k.key, r.key, 1 + (p.place * k.place * r.place)::int % 7)
from unnest(enum_range(null::gendurable.phase)) with ordinality as p (phase, place)
cross join unnest(array[null, 'one', 'two:1', 'two:2', 'two', ':']) with ordinality as k (key, place)
cross join unnest(array[null, 'mail:1', 'mail:2', 'sms']) with ordinality as r (key, place) \g /dev/null
select results_eq($$ select kind, name, keys, executing, waiting from gendurable._usage() order by 1, 2 $$,
    $$ select 'concurrency', split_part(i.concurrency_key, ':', 1), count(distinct i.concurrency_key),
        count(*) filter (where i.phase = 'executing'), count(*) filter (where i.phase <> 'executing')
       from gendurable.instances as i where i.concurrency_key is not null and i.phase in ('ready', 'held', 'executing')
           group by 2
       union all
       select 'rate', split_part(i.rate_limit, ':', 1), count(distinct i.rate_limit), 0::bigint, count(*)
       from gendurable.instances as i where i.rate_limit is not null and i.phase in ('ready', 'throttled') group by 2
           order by 1, 2 $$,
    'as counting everything says');

delete from gendurable.instances;
select pg_temp.put('held', 'a:1', null, 300), pg_temp.put('ready', 'a:2', null, 100),
    pg_temp.put('held', 'b', null, 50), pg_temp.put('executing', 'a:1', null, 20),
    pg_temp.put('executing', 'c', null, 7),
       pg_temp.put('throttled', null, 'r:1', 200), pg_temp.put('ready', null, 's', 90),
       pg_temp.put('awaiting_signal', 'a:3', null, 9) \g /dev/null
select is(pg_temp.usage('concurrency', 477) || '; ' || pg_temp.usage('rate', 290),
    'a 2 20 400, b 1 0 50, c 1 7 0; r 1 0 200, s 1 0 90', 'exact, as many as may be counted');
select is(pg_temp.usage('concurrency', 270) || '; ' || pg_temp.usage('rate', 150), 'a 1 20 271, c 1 7 0; r 1 0 151',
    'beyond that, so many are looked at; what executes stays exact');
analyze gendurable.instances;
select is(pg_temp.usage('concurrency', 270), 'a 1 20 400, b 0 0 50, c 1 7 0',
    'where statistics are, they tell how many wait, and of what was not looked at');
select is(pg_temp.usage('rate', 150), 'r 1 0 200, s 0 0 90', '… of rate limits, too');
select is(pg_temp.usage('rate', 290), 'r 1 0 200, s 1 0 90', '… not of what was counted to the end');
delete from gendurable.instances where rate_limit is null;
select pg_temp.put('throttled', null, 'r:1', 700) \g /dev/null
select is(pg_temp.usage('rate', 600), 'r 1 0 601, s 0 0 90', 'never less than was counted');

select * from finish();
rollback;
