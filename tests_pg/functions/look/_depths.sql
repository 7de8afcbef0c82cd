-- gendurable._depths: how many instances each queue has in each phase, counted or estimated.
begin;
select plan(15);

-- Instances of one queue and phase.
create function pg_temp.put(p_queue text, p_phase gendurable.phase, p_n int default 1, p_at interval default '0',
    p_priority int default 0) returns void language sql as $$
    insert into gendurable.instances (enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version,
        fsm, queue, worker_id)
    select now(), now() + p_at, now(), p_phase, 's', '{}', p_priority, 1, 'm', p_queue,
        case when p_phase = 'executing' then 1 end
    from generate_series(1, p_n)
$$;
create function pg_temp.depths(p_phase gendurable.phase, p_most int default 100000) returns text language sql as $$
    select string_agg(d.queue || ' ' || d.n, ', ' order by d.queue)
    from (select x.queue, sum(x.n) as n from gendurable._depths(p_most) as x where x.phase = p_phase group by x.queue)
        as d
$$;

select is_empty('select * from gendurable._depths()', 'nothing live, nothing to count');

-- Every phase, in queues that have it and queues that do not, due long ago, now, soon and never.
select pg_temp.put('q' || (p.place + x.place) % 5, p.phase, 1 + (p.place * x.place)::int, x.at::interval,
    x.place::int % 3)
from unnest(enum_range(null::gendurable.phase)) with ordinality as p (phase, place)
cross join unnest('{-1 day,-1 second,0,1 minute,1000 years}'::text[]) with ordinality as x (at, place) \g /dev/null
update gendurable.instances set eligible_at = 'infinity'
    where eligible_at > now() + interval '1 year' and phase <> 'ready';
select results_eq($$ select queue, ready, scheduled, held, executing, awaiting, depth, oldest_ready_age from gd_queues
    order by queue $$,
    $$ select i.queue, count(*) filter (where i.phase = 'ready' or i.phase = 'scheduled' and i.eligible_at <= now()),
              count(*) filter (where i.phase = 'scheduled' and i.eligible_at > now() or i.phase = 'throttled'),
              count(*) filter (where i.phase = 'held'), count(*) filter (where i.phase = 'executing'),
              count(*) filter (where i.phase in ('awaiting_signal', 'awaiting_children')),
              count(*) filter (where i.phase in ('ready', 'scheduled', 'held', 'throttled')),
              now() - min(i.eligible_at) filter (
                  where i.phase = 'ready' or i.phase = 'scheduled' and i.eligible_at <= now())
       from gendurable.instances as i group by i.queue order by i.queue $$,
    'every phase, due or not, as counting everything says');
select is((select count(*) from gd_queues where ready > 0 and scheduled > 0 and held > 0 and executing > 0
    and awaiting > 0), 5::bigint, '… in five queues with something of everything');

delete from gendurable.instances;
select pg_temp.put('old', 'ready', 1, '-1 minute', 0), pg_temp.put('old', 'ready', 1, '-1 hour', 7),
    pg_temp.put('old', 'ready', 1, '-1 minute', 9) \g /dev/null
select is((select min(d.oldest) from gendurable._depths() as d), now() - interval '1 hour',
    'the oldest, whatever its priority');
select pg_temp.put('old', 'ready', 1, '-1 second', 100 + g) from generate_series(1, 1000) as g \g /dev/null
select pg_temp.put('old', 'ready', 1, '-1 day', 9999) \g /dev/null
select is((select min(d.oldest) from gendurable._depths(1004) as d), now() - interval '1 day',
    '… as long as all are counted');
select is((select min(d.oldest) from gendurable._depths(1003) as d), now() - interval '1 hour',
    'else of the thousand most urgent priorities');
select is(pg_temp.depths('ready'), 'old 1004', 'all are counted');

delete from gendurable.instances;
select pg_temp.put('a', 'ready', 500), pg_temp.put('b', 'ready', 300), pg_temp.put('c', 'ready', 1),
    pg_temp.put('d', 'ready', 1),
       pg_temp.put('a', 'held', 700), pg_temp.put('a', 'throttled', 20), pg_temp.put('b', 'awaiting_signal', 400),
       pg_temp.put('a', 'executing', 30) \g /dev/null
select is(pg_temp.depths('ready', 802), 'a 500, b 300, c 1, d 1', 'exact, as many as may be counted');
select is(pg_temp.depths('ready', 600), 'a 500, b 101, c 1, d 1',
    'beyond that a queue is counted as far as the rest reaches, the next ones to a hundredth');
select is(pg_temp.depths('held', 600) || '; ' || pg_temp.depths('throttled', 600) || '; '
    || pg_temp.depths('awaiting_signal', 600), 'a 601; a 20; b 400', 'each phase by itself');
select is(pg_temp.depths('executing', 1), 'a 30', 'what executes is counted to the end');
analyze gendurable.instances;
select is(pg_temp.depths('ready', 600), 'a 500, b 300, c 1, d 1', 'where statistics are, they tell the rest');
select pg_temp.put('a', 'ready', 50), pg_temp.put('b', 'ready', 50), pg_temp.put('c', 'ready', 50),
    pg_temp.put('e', 'ready', 50) \g /dev/null
select is(pg_temp.depths('ready', 600), 'a 550, b 300, c 7, d 1, e 7', '… as of then, but not less than was counted');
select is(pg_temp.depths('held', 100), 'a 700', '… phase by phase');

delete from gendurable.instances;
select pg_temp.put('a', 'scheduled', 30, '-1 hour'), pg_temp.put('a', 'awaiting_signal', 10, '-2 hours'),
    pg_temp.put('a', 'scheduled', 5, '1 hour'), pg_temp.put('b', 'scheduled', 3, '-1 hour') \g /dev/null
select is(pg_temp.depths('ready', 36) || '; ' || pg_temp.depths('scheduled', 36), 'a 27, b 1; a 8, b 1',
    'what is due is counted as far as that reaches, too; together they stay right');

select * from finish();
rollback;
